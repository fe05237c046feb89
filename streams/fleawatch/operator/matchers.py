"""Which alerts a silence is about, as a person says it: `rule=api_latency agent=btc-*`."""

from collections.abc import Sequence

from fleawatch.errors import ConfigError

_HINT = "NAME=VALUE, for example rule=api_latency, agent=btc-* or severity=WARN; * and ? match anything"
_SHORT = {"agent": "agent_id", "alert": "alert_id"}
MOST = 16


def matchers_of(words: Sequence[str], *, bare: str = "") -> dict[str, str]:
    """By field or label. A word without `=` is the value of `bare`.

    Raises:
        ConfigError: there is none, one is not in that form, or a name occurs twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and bare:
            name, value = bare, word
        name = _SHORT.get(name, name)
        if not name or not value or len(name) > 64 or len(value) > 256:
            raise ConfigError(f"{word!r:.80} is no matcher", hint=_HINT)
        if name in found:
            raise ConfigError(f"{name} is matched twice", hint="an alert has to match all of them")
        found[name] = value
    if not found:
        raise ConfigError("nothing to match: that would silence everything", hint=_HINT)
    if len(found) > MOST:
        raise ConfigError(f"more than {MOST} matchers")
    return found
