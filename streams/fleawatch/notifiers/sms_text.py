"""An alert in one SMS: 160 characters of the GSM alphabet, the most important first, the id last.

https://www.etsi.org/deliver/etsi_ts/123000_123099/123038/ (3GPP TS 23.038, 6.2.1). One character outside of it and the whole
message is sent in UCS-2, of which 70 fit; longer ones are several messages, each with its price.
"""

import re
import unicodedata

from fleawatch.alerting.note import Item, Note
from fleawatch.notifiers import render
from fleawatch.notifiers.escape import one_line
from fleawatch.notifiers.render import word
from fleawatch_schemas.wire import Alert

LIMIT = 160
_BASIC = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")  # two septets each
_INSTEAD = {
    "−": "-", "–": "-", "—": "-", "×": "x", "…": "...", "≥": ">=", "≤": "<=",
    "“": '"', "”": '"', "’": "'", "σ": "s",
}  # fmt: skip

_ADDRESS = re.compile(r"(?<=\w)\.(?=[A-Za-z]{2})")


def septets(text: str) -> int:
    return sum(2 if char in _EXTENDED else 1 for char in text)


def gsm(text: str) -> str:
    """In the GSM alphabet: what it lacks becomes its nearest, or `?`; signs without words are left out. Addresses are
    parted, because phones make them links and there is no joiner without width.

    >>> gsm("🔴 Łoss −3 σ on naïve…")
    '?oss -3 s on naive...'
    """
    return _ADDRESS.sub(". ", " ".join("".join(map(_char, text)).split()))


def _char(char: str) -> str:
    if char in _BASIC or char in _EXTENDED:
        return char
    if char in _INSTEAD:
        return _INSTEAD[char]
    if unicodedata.category(char) in {"So", "Sk", "Cf", "Mn", "Zs", "Cc"}:
        return " " if unicodedata.category(char) in {"Zs", "Cc"} else ""
    nearest = "".join(one for one in unicodedata.normalize("NFKD", char) if one in _BASIC or one in _EXTENDED)
    return nearest or "?"


def sms(note: Note) -> str:
    """At most LIMIT septets."""
    if note.kind == "single":
        return _single(note, note.items[0])
    counts = ", ".join(
        f"{count:,} {severity} {standing.replace('_', ' ')}"
        for (severity, standing), count in sorted(note.counts.items())
    )
    worst = "; ".join(f"{word(item.alert.agent_id)} {word(item.alert.rule)}" for item in note.items)
    return _cut(gsm(f"{counts}. Worst: {worst}"), LIMIT)


def _single(note: Note, item: Item) -> str:
    alert = item.alert
    title = one_line(alert.title, render.TITLE_LIMIT)
    agent = word(alert.agent_id)
    said = [
        f"{word(alert.severity)} {_standing(item)}{'' if agent in title else f'{agent} '}{title}",
        _measured(alert, title),
        word(item.actions[-1]) if item.actions else "",
        f"reminder {note.reminder}" if note.reminder else "",
    ]
    end = gsm(f". id {word(alert.alert_id)}")
    return _cut(gsm(". ".join(part for part in said if part)), LIMIT - septets(end)) + end


def _measured(alert: Alert, title: str) -> str:
    """The value once: titles often have it."""
    if alert.value is None or render.amount(alert.value, alert.unit or "") not in title:
        return render.measured(alert)
    return "" if alert.threshold is None else f"limit {render.amount(alert.threshold, alert.unit or '')}"


def _standing(item: Item) -> str:
    return "" if item.standing == "firing" else f"{render.status_of(item)}: "


def _cut(text: str, limit: int) -> str:
    if septets(text) <= limit:
        return text
    used, kept = 0, []
    for char in text:
        used += 2 if char in _EXTENDED else 1
        if used > limit - 2:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ".."
