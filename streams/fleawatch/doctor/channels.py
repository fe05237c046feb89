"""Whom alerts reach. Secrets are looked at for being there only, and never shown."""

from collections.abc import Iterator, Mapping

from fleawatch.doctor.findings import Finding
from fleawatch.notifiers.channel import TIERS
from fleawatch.settings import Settings

AREA = "channels"
ENOUGH = 2


def configured(settings: Settings) -> dict[str, str]:
    """By channel what is missing; empty: nothing."""
    telegram = [
        name
        for name, value in (
            ("FLEAWATCH_TELEGRAM_TOKEN", settings.telegram_token),
            ("FLEAWATCH_TELEGRAM_CHAT_ID", settings.telegram_chat_id),
        )
        if not value
    ]
    return {
        "telegram": " and ".join(telegram),
        "slack": "" if settings.slack_webhook else "FLEAWATCH_SLACK_WEBHOOK",
    }


def channels(settings: Settings, running: Mapping[str, int]) -> Iterator[Finding]:
    """`running`: how many notifiers each channel has. Their settings may be elsewhere than ours."""
    reached = []
    for name, missing in configured(settings).items():
        count = running.get(name, 0)
        if count:
            reached.append(name)
            yield Finding("ok", AREA, f"{name}: {count} notifier(s) deliver {_told(name)}")
        elif not missing:
            yield Finding(
                "warning", AREA, f"{name} is configured, but no notifier runs", f"`fleawatch notify {name}`"
            )
        elif (
            len(missing) < len("FLEAWATCH_TELEGRAM_TOKEN and FLEAWATCH_TELEGRAM_CHAT_ID")
            and name == "telegram"
        ):
            yield Finding("warning", AREA, f"telegram lacks {missing}", "set it where the notifier runs")
        else:
            yield Finding("note", AREA, f"{name} is not configured here, and no notifier runs")
    if len(reached) < ENOUGH:
        said = f"only {reached[0]}" if reached else "no channel"
        yield Finding(
            "warning" if reached else "problem",
            AREA,
            f"{said} delivers CRITICAL alerts to people; there should be {ENOUGH}",
            "`fleawatch notify telegram` and `fleawatch notify slack`, docs/notifiers.md",
        )


def _told(name: str) -> str:
    return " and ".join(one for one in ("WARN", "CRITICAL") if one in TIERS[name])
