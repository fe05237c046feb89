"""What the set-up tries."""

from pathlib import Path

from pydantic import SecretStr

from fleawatch.errors import ConfigError, DeliveryFailed
from fleawatch.local.probe import probe
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Outcome, Part
from fleawatch.notifiers.slack import Slack
from fleawatch.settings import Settings
from fleawatch.topics import compare_topics, ensure_topics

ANSWER_SECS = 5.0
_LONGEST_FILE = 4096


def secret_of(answer: str) -> str:
    """The answer, or what stands in the file that it names.

    Raises:
        ConfigError: the file cannot be read.
    """
    if not answer.startswith(("/", "./", "~")):
        return answer
    path = Path(answer).expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_FILE).strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}") from None


async def check_broker(servers: str) -> str:
    """Raises BrokerUnavailable."""
    brokers = await probe(servers, ANSWER_SECS)
    return f"Kafka at {servers}: {brokers} broker(s)"


async def create_topics(servers: str, settings: Settings, *, create: bool) -> int:
    """How many are missing; with `create` none afterwards. Raises BrokerUnavailable, TopicMismatch."""
    if create:
        await ensure_topics(servers, settings, create=True)
        return 0
    return len((await compare_topics(servers, settings, create=False)).missing)


async def check_slack(settings: Settings, webhook: str) -> None:
    """Send a test.

    Raises:
        ConfigError: it is no webhook.
        DeliveryFailed: Slack did not take it.
    """
    async with Http(allow_private=settings.allow_private_receivers) as http:
        channel = Slack.from_settings(
            settings.model_copy(update={"slack_webhook": SecretStr(webhook), "slack_token": None}), http
        )
        words = "fleawatch is set up here."
        said = await channel.send(Part(words, words), None, plain=False)
    if said.outcome is not Outcome.DELIVERED:
        raise DeliveryFailed(
            f"Slack did not take it: {said.detail or said.outcome.value}", hint="is the webhook still there?"
        )
