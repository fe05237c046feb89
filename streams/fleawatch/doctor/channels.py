"""Whom alerts reach. Secrets are looked at for being there only, and never shown."""

from collections.abc import Iterator, Mapping

from fleawatch.alerting.defaults import TIERS
from fleawatch.doctor.findings import Finding
from fleawatch.errors import ConfigError
from fleawatch.settings import Settings

AREA = "channels"
ENOUGH = 2
TO_PEOPLE = tuple(name for name, severities in TIERS.items() if "CRITICAL" in severities and name != "log")
"""Those that carry CRITICAL alerts away from the machine."""
USUAL = ("telegram", "slack")
"""Of others nothing is said until they are configured."""


def channels(settings: Settings, running: Mapping[str, int]) -> Iterator[Finding]:
    """`running`: how many notifiers each channel has. Their settings may be elsewhere than ours."""
    reached = []
    for name in TO_PEOPLE:
        count = running.get(name, 0)
        if count:
            reached.append(name)
            yield Finding("ok", AREA, f"{name}: {count} notifier(s) deliver {_told(name)}")
        elif not _begun(settings, name):
            if name not in USUAL:
                continue
            yield Finding("note", AREA, f"{name} is not configured here, and no notifier runs")
        elif mistake := _mistake(settings, name):
            yield Finding("warning", AREA, f"{name} cannot start: {mistake}", mistake.hint)
        else:
            yield Finding(
                "warning", AREA, f"{name} is configured, but no notifier runs", f"`fleawatch notify {name}`"
            )
    if len(reached) < ENOUGH:
        said = f"only {reached[0]}" if reached else "no channel"
        yield Finding(
            "warning" if reached else "problem",
            AREA,
            f"{said} delivers CRITICAL alerts to people; there should be {ENOUGH}",
            "for example `fleawatch notify telegram` and `fleawatch notify sms`, docs/notifiers.md",
        )


def _told(name: str) -> str:
    return " and ".join(one for one in ("WARN", "CRITICAL") if one in TIERS[name])


def _begun(settings: Settings, name: str) -> bool:
    match name:
        case "telegram":
            return bool(settings.telegram_token or settings.telegram_chat_id)
        case "slack":
            return bool(settings.slack_webhook or settings.slack_token or settings.slack_channel)
        case "sms":
            return settings.sms_url is not None
        case _:
            return settings.apprise_urls is not None


def _mistake(settings: Settings, name: str) -> ConfigError | None:
    """What a notifier would refuse to start with; where none is installed, nobody knows."""
    try:
        from fleawatch.notifiers.command import CHANNELS
        from fleawatch.notifiers.history import History
        from fleawatch.notifiers.post import Http
    except ModuleNotFoundError:
        return None
    try:
        CHANNELS[name](settings, Http(allow_private=settings.allow_private_receivers), History())
    except ConfigError as exc:
        return exc
    return None
