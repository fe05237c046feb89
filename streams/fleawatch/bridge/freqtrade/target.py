"""What is known of one freqtrade bot."""

from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator

from fleawatch.bridge.target import Polled


class FreqtradeTarget(Polled):
    """`username` and `password` are those of `api_server` in the bot's configuration; `api_base` is without `/api/v1`."""

    HIDDEN: ClassVar[str] = "password"

    # HTTP's basic authentication ends the name at the first colon
    username: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^:\x00-\x1f]+$")]
    password: SecretStr

    @field_validator("password")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value():
            raise ValueError("a password that is not empty")
        return value
