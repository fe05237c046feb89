"""Signatures of commands and control states: Ed25519 over the canonical JSON of all other fields.

A record is signed and checked as the JSON object that is sent, fields that a reader does not know included. A key's id
is the beginning of its hash, so that an id and a key cannot be confused. The library is loaded when there is a key: a
fleet without any does not need the extra `signed`.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from hashlib import sha256
from types import ModuleType
from typing import Any, Final, Self

import orjson

from fleawatch.errors import ConfigError
from fleawatch.settings import Settings

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SIGNATURE: Final = "signature"


class BadSignature(ValueError):
    """A record that nobody whom we trust has signed. The text says why, and holds nothing secret."""


def canonical(record: Mapping[str, Any]) -> bytes:
    """What is signed: every field but the signature, `key_id` included. Keys sorted, no spaces, UTF-8.

    Raises:
        BadSignature: it holds what JSON cannot carry.
    """
    try:
        return orjson.dumps(
            {name: value for name, value in record.items() if name != SIGNATURE}, option=orjson.OPT_SORT_KEYS
        )
    except orjson.JSONEncodeError as exc:
        raise BadSignature(f"no canonical form: {exc}") from None


def key_id_of(public: bytes) -> str:
    """The first 16 hex digits of the key's SHA-256."""
    return sha256(public).hexdigest()[:16]


class Signer:
    """A private key. `public` is what those who verify need, in base64."""

    def __init__(self, seed: bytes) -> None:
        self._key = _ed25519().Ed25519PrivateKey.from_private_bytes(seed)
        raw = self._key.public_key().public_bytes_raw()
        self.key_id = key_id_of(raw)
        self.public = b64encode(raw).decode()

    @classmethod
    def of_text(cls, text: str) -> Self:
        """A key as `fleawatch keys generate` writes it: 32 bytes in base64.

        Raises:
            ConfigError: it is none. The text is not repeated.
        """
        return cls(_key_bytes(text, "the private key (FLEAWATCH_CONTROL_KEY)"))

    @classmethod
    def of_settings(cls, settings: Settings) -> Self | None:
        """None: no key is set, and records go unsigned. Raises ConfigError."""
        if settings.control_key is None:
            return None
        return cls.of_text(settings.control_key.get_secret_value())

    def sign(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The record with `key_id` and `signature`."""
        named = {**record, "key_id": self.key_id}
        return {**named, SIGNATURE: b64encode(self._key.sign(canonical(named))).decode()}


class Keyring:
    """The public keys that are trusted: one, or while keys are rotated two."""

    def __init__(self, public: Iterable[bytes]) -> None:
        self._keys = {key_id_of(raw): _ed25519().Ed25519PublicKey.from_public_bytes(raw) for raw in public}

    @property
    def key_ids(self) -> list[str]:
        return list(self._keys)

    @classmethod
    def of_settings(cls, settings: Settings) -> Self | None:
        """None: no keys are set, and anything is believed. Raises ConfigError."""
        texts = [text.strip() for text in settings.control_trusted.split(",") if text.strip()]
        if not texts:
            return None
        return cls(_key_bytes(text, "a key of FLEAWATCH_CONTROL_TRUSTED") for text in texts)

    def verify(self, record: Mapping[str, Any]) -> None:
        """Returns when a trusted key has signed the record just as it is.

        Raises:
            BadSignature: says which of the ways in which that can fail.
        """
        key_id, signature = record.get("key_id"), record.get(SIGNATURE)
        if key_id is None or signature is None:
            raise BadSignature("it is not signed")
        key = self._keys.get(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise BadSignature(f"the key {key_id!r:.40} is not trusted")
        from cryptography.exceptions import InvalidSignature

        try:
            raw = b64decode(signature, validate=True)
            key.verify(raw, canonical(record))
        except (NotBase64, TypeError, ValueError, InvalidSignature):
            raise BadSignature("the signature is wrong") from None


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"keys need the package {exc.name!r}", hint="pip install 'fleawatch[signed]'"
        ) from None
    return ed25519


def _key_bytes(text: str, what: str) -> bytes:
    try:
        raw = b64decode(text.strip(), validate=True)
    except (NotBase64, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ConfigError(
            f"{what} is not {KEY_BYTES} bytes in base64", hint="`fleawatch keys generate` makes one"
        )
    return raw
