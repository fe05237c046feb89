"""What is known of one agent that is polled: what every kind of agent has, and what one with pages has."""

import re
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from fleawatch_schemas.bounds import AGENT_ID_INPUT

INTERVAL_SECS: Final = 30.0
TIMEOUT_SECS: Final = 5.0

Path = Annotated[str, Field(pattern=r"^/[!-~]*$", max_length=512)]
Where = Annotated[str, Field(min_length=1, max_length=256)]
_is_token = re.compile(r"[!-~]{1,8192}").fullmatch


class Fields(BaseModel):
    """Where in an agent's metrics each figure stands: a path into JSON, or the name of a series."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    balance: Where | None = None
    equity: Where | None = None
    open_positions: Where | None = None
    net_deposits: Where | None = None
    unrealised_pnl: Where | None = None


class Polled(BaseModel):
    """Any agent that is polled. `HIDDEN` is the field with its secret: in a file it stands as `<field>_env` or `<field>_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    HIDDEN: ClassVar[str]

    agent_id: Annotated[str, Field(pattern=AGENT_ID_INPUT)]
    api_base: Annotated[str, Field(max_length=1024)]
    interval_secs: Annotated[float, Field(ge=1, le=3600)] = INTERVAL_SECS
    timeout_secs: Annotated[float, Field(ge=0.1, le=60)] = TIMEOUT_SECS
    currency: Annotated[str, Field(min_length=1, max_length=16)] | None = None
    labels: dict[str, str] | None = None

    @field_validator("api_base")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
            parts = urlsplit("")
        if not sound or parts.query or parts.fragment or any(ord(sign) < 33 for sign in value):
            raise ValueError("http(s)://host[:port][/path]")
        if parts.username is not None or parts.password is not None:
            raise ValueError(
                f"an address without user and password: use {cls.HIDDEN}_env or {cls.HIDDEN}_file"
            )
        return value.rstrip("/")

    @field_validator("timeout_secs")
    @classmethod
    def _within_the_interval(cls, value: float, others: Any) -> float:
        if value > others.data.get("interval_secs", value):
            raise ValueError("no more than interval_secs")
        return value

    @property
    def secret(self) -> SecretStr | None:
        """To be kept out of every log."""
        found: SecretStr | None = getattr(self, self.HIDDEN)
        return found

    @property
    def gives_equity(self) -> bool:
        """Whether its polls are meant to."""
        return True


class Target(Polled):
    """An agent with pages of its own. A path that is null is not asked for."""

    HIDDEN: ClassVar[str] = "token"

    token: SecretStr | None = None
    metrics_path: Path | None = "/metrics"
    health_path: Path | None = "/health"
    fields: Fields = Fields()

    @field_validator("token")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_token(value.get_secret_value()):
            raise ValueError("a token of printable ASCII without blanks")
        return value

    @property
    def gives_equity(self) -> bool:
        return self.metrics_path is not None

    @property
    def bearer(self) -> dict[str, str]:
        """The headers that carry the token."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token.get_secret_value()}"}


def expected(error: Any) -> str:
    """What pydantic wanted, as the end of a sentence that begins with "expected"."""
    if error["type"] == "missing":
        return "a value"
    if error["type"] == "extra_forbidden":
        return f"one of {', '.join(Fields.model_fields)}"
    text: str = error["msg"]
    for beginning in ("Input should be ", "Value error, "):
        text = text.removeprefix(beginning)
    return text
