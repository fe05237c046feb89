"""All settings, in one frozen object read from `FLEAWATCH_*` environment variables (or `*_FILE` for secrets)."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from fleawatch.errors import ConfigError

PREFIX = "FLEAWATCH_"


_is_server = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?").fullmatch
_RATE = r"[A-Za-z0-9]{1,16}=\d{1,9}(\.\d{1,9})?"
_RATES = rf"^({_RATE}(,{_RATE})*)?$"
_USER = r"\d{1,16}=(operator|viewer)"
_USERS = rf"^({_USER}(,{_USER})*)?$"


def _alias(name: str, *others: str) -> AliasChoices:
    return AliasChoices(name, PREFIX + name.upper(), *others)


class Settings(BaseSettings):
    """Environment → settings. `load()` turns a bad value into a ConfigError that names the variable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    # The text under each field is its line in README.md's table.
    bootstrap_servers: str = ""
    """Kafka servers, `host:port` separated by commas; empty: the broker on this machine"""
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$", max_length=64)] = "fleawatch."
    """what every topic's name starts with"""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 12
    """partitions of each topic that is keyed by agent"""
    replication_factor: Annotated[int, Field(ge=1, le=9)] = 1
    """copies of each partition, for topics that are created"""

    app_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = "fleawatch-monitor"
    """the workers' consumer group"""
    data_dir: Path = Path(".fleawatch")
    """where the local broker and the workers keep files"""
    commit_interval_secs: Annotated[float, Field(ge=0.05, le=10)] = 1.0
    """how often state, outputs and offsets are made durable, in seconds"""
    stall_secs: Annotated[float, Field(ge=4)] = 60.0
    """a worker that makes no progress for so long while there is something to read ends itself, to be started anew; in seconds"""
    liveness_floor_secs: Annotated[float, Field(ge=1)] = 90.0
    """the shortest silence that counts as a stopped agent, in seconds"""
    metrics_interval_secs: Annotated[float, Field(ge=0.1)] = 1.0
    """how often an agent's metrics of 24 hours are published, in seconds; those of longer windows at every tenth"""
    short_bar_secs: Annotated[int, Field(ge=60, le=3600)] = 300
    """length of the bars behind the 24-hour window, in seconds; it divides the next. State made with others is refused"""
    long_bar_secs: Annotated[int, Field(ge=900, le=86_400)] = 3600
    """length of the bars behind the longer windows and the whole life, in seconds; it divides a day"""
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """port of `/metrics`, `/healthz` and `/readyz`; 0: none"""
    metrics_host: str = "127.0.0.1"
    """address that port listens on"""
    metrics_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*_$", max_length=64)] = "purpleflea_"
    """what the name of each metric of an agent starts with at `/metrics`"""
    metrics_window: Literal["24h", "7d", "30d", "all"] = "all"
    """what time an agent's figures at `/metrics` are of; topic `metrics` has every window"""
    metrics_max_agents: Annotated[int, Field(ge=0)] = 1000
    """how many agents one worker shows at `/metrics`, the worst first"""
    fx_rates: Annotated[str, Field(pattern=_RATES)] = ""
    """what one unit of a currency is in USD, for the fleet's sums: `EUR=1.08,BTC=60000`; agents in others are left out of them"""

    control_key: SecretStr | None = None
    """the private key that the monitor and operators sign commands with; none: commands are unsigned"""
    control_trusted: str = ""
    """for agents: the public keys whose commands are obeyed, separated by commas; none: any command is"""
    control_start: Literal["paused", "running"] = "paused"
    """for agents: what they are until their control state has been read from Kafka, unless their disk remembers more"""
    control_lost_secs: Annotated[float, Field(ge=0)] = 0.0
    """for agents: after so long without Kafka they count as paused, until they have read their control state again; 0: never"""

    telegram_token: SecretStr | None = Field(
        None, validation_alias=_alias("telegram_token", "TELEGRAM_TOKEN")
    )
    """the bot's token"""
    telegram_chat_id: str = Field("", validation_alias=_alias("telegram_chat_id", "TELEGRAM_CHAT_ID"))
    """the chat that alerts go to"""
    telegram_api_base: str = "https://api.telegram.org"
    """the Bot API, for those who run their own"""
    telegram_thread_id: Annotated[int, Field(ge=1)] | None = None
    """the topic of that chat that alerts go to, where it has topics"""
    slack_webhook: SecretStr | None = Field(None, validation_alias=_alias("slack_webhook", "SLACK_WEBHOOK"))
    """the incoming webhook's address, which is a secret"""
    slack_token: SecretStr | None = None
    """a bot's token, in place of the webhook: messages change as incidents go on, lists and charts are uploaded"""
    slack_channel: str = ""
    """the id of the channel that the bot writes to"""
    slack_api_base: str = "https://slack.com/api"
    """the Web API, for those who go through a proxy of their own"""
    sms_url: SecretStr | None = None
    """where `fleawatch notify sms` sends to, as Apprise writes it: `twilio://SID:TOKEN@FROM/TO`; it is a secret"""
    apprise_urls: SecretStr | None = None
    """where `fleawatch notify apprise` sends to: Apprise's URLs, separated by spaces or line breaks; they are secrets"""
    ping_url: SecretStr | None = None
    """address of a service outside that is called by `fleawatch notify ping` as long as the monitor works; it is a secret"""
    ping_interval_secs: Annotated[float, Field(ge=1)] = 60.0
    """how often about it is called, in seconds"""
    allow_private_receivers: bool = False
    """let notifiers call addresses in private and link-local networks"""
    telegram_users: Annotated[str, Field(pattern=_USERS)] = ""
    """who may use `fleawatch bot`, by Telegram's numbers: `12345=operator,67890=viewer`; a viewer reads, an operator acts"""
    routes: Path | None = None
    """a file of routes: where alerts go, when, and to whom next; see examples/routes.yaml"""
    time_zone: str = "UTC"
    """whose night it is, and whose morning brings the digest, like `Europe/Berlin`; the file of routes can say otherwise"""
    runbooks_dir: Path | None = None
    """a folder of your own runbooks, `NAME.md`, in place of the shipped ones"""
    runbook_url: Annotated[str, Field(pattern=r"^(https?://[^\s\"'<>]{1,500})?$")] = ""
    """what messages link to instead: a base, or an address with `{name}` in it"""

    bridge_agent_id: str = Field("", validation_alias=_alias("bridge_agent_id", "AGENT_ID"))
    """the agent that `fleawatch bridge` polls where it is given no file"""
    bridge_api_base: str = Field("", validation_alias=_alias("bridge_api_base", "API_BASE"))
    """its address: `/metrics` and `/health` are below it"""
    bridge_api_key: SecretStr | None = Field(
        None, validation_alias=_alias("bridge_api_key", "PURPLEFLEA_API_KEY")
    )
    """its bearer token"""

    @property
    def fx(self) -> dict[str, float]:
        """`fx_rates` by currency; a dollar is a dollar."""
        pairs = (pair.split("=") for pair in self.fx_rates.split(",") if pair)
        return {currency: float(rate) for currency, rate in pairs} | {"USD": 1.0}

    @property
    def bot_users(self) -> dict[int, Literal["operator", "viewer"]]:
        """`telegram_users` by number."""
        pairs = (pair.split("=") for pair in self.telegram_users.split(",") if pair)
        return {int(user): "operator" if role == "operator" else "viewer" for user, role in pairs}

    def secrets(self) -> list[str]:
        """What must not be shown anywhere; of several URLs each."""
        found = (getattr(self, name) for name in type(self).model_fields)
        texts = (secret.get_secret_value() for secret in found if isinstance(secret, SecretStr))
        return [part for text in texts for part in text.split()]

    def topic(self, name: str) -> str:
        """The topic's name on the broker: prefix and short name."""
        return self.topic_prefix + name

    @field_validator("bootstrap_servers")
    @classmethod
    def _servers(cls, value: str) -> str:
        servers = [server.strip() for server in value.split(",") if server.strip()]
        if not all(map(_is_server, servers)):
            raise ValueError("expected host:port, several separated by commas")
        return ",".join(servers)

    @field_validator("long_bar_secs")
    @classmethod
    def _bars_divide_a_day(cls, secs: int, others: ValidationInfo) -> int:
        if 86_400 % secs:
            raise ValueError(f"{secs} does not divide a day of 86,400 s")
        if secs % others.data.get("short_bar_secs", 1):
            raise ValueError(f"{secs} is not a multiple of the short bars' length")
        return secs

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name, field in cls.model_fields.items():
            if SecretStr not in getattr(field.annotation, "__args__", ()):
                continue
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path and not values.get(name):
                try:
                    values[name] = Path(path).read_text(encoding="utf-8").strip()
                except OSError as exc:
                    raise ConfigError(
                        f"{PREFIX}{name.upper()}_FILE: cannot read {path!r}: {exc.strerror}",
                        hint="give a file that this user may read",
                    ) from exc
        return values

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment.

        Raises:
            ConfigError: a value is missing or wrong; the text names the variable and what was expected.
        """
        try:
            return cls(**overrides)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"setting {PREFIX}{field.removeprefix(PREFIX).upper()}: {first['msg'].removeprefix('Value error, ')}",
                hint="see the settings table in README.md",
            ) from None
