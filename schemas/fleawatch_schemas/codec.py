"""Bytes to events; what does not fit the contract is `Rejected` with its reason.

The fast way is one msgspec call. It keeps the last of a key that occurs twice, and does not look into fields that
it does not know; so its result counts only when the message has exactly as many colons as the event has members:
then every member is known and occurs once, and no text holds a colon. Any other message is read again, strictly.
What msgspec refuses, pydantic decides and explains.
"""

import re
from typing import Final, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from fleawatch_schemas import wire
from fleawatch_schemas.alerts import AlertEvent
from fleawatch_schemas.bounds import AGENT_ID_INPUT, MAX_MESSAGE_BYTES
from fleawatch_schemas.equity import EquityEvent
from fleawatch_schemas.explain import rejection
from fleawatch_schemas.health import HealthEvent
from fleawatch_schemas.strict_json import parse
from fleawatch_schemas.trades import TradeEvent

ModelT = TypeVar("ModelT", bound=BaseModel)
StructT = TypeVar("StructT", bound=msgspec.Struct)

# Final: compiled code else looks a name up in the module's dict each time.
_equity: Final = msgspec.json.Decoder(wire.Equity).decode
_trade: Final = msgspec.json.Decoder(wire.Trade).decode
_health: Final = msgspec.json.Decoder(wire.Health).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# A pattern in the struct would cost more than all the rest of decoding: ids repeat, so look them up instead.
_good_ids: Final[set[str]] = set()
_MAX_GOOD_IDS: Final = 131_072
_is_agent_id: Final = re.compile(AGENT_ID_INPUT).fullmatch


def decode_equity(raw: bytes) -> wire.Equity:
    if len(raw) > MAX_MESSAGE_BYTES:
        return _slowly(raw, EquityEvent, wire.Equity)
    try:
        event = _equity(raw)
    except _REFUSED:
        return _slowly(raw, EquityEvent, wire.Equity)
    if event.agent_id not in _good_ids and not _admit(event.agent_id):
        return _slowly(raw, EquityEvent, wire.Equity)
    colons = _colons(raw)
    # Eight members are required, and so present: eight colons leave no room for another.
    if colons != 8 and colons != (
        8
        + (event.net_deposits is not None)
        + (event.unrealised_pnl is not None)
        + (event.equity_basis is not None)
        + (event.currency is not None)
    ):
        _check_members(raw, colons)
    return event


def decode_trade(raw: bytes) -> wire.Trade:
    if len(raw) > MAX_MESSAGE_BYTES:
        return _slowly(raw, TradeEvent, wire.Trade)
    try:
        event = _trade(raw)
    except _REFUSED:
        return _slowly(raw, TradeEvent, wire.Trade)
    if event.agent_id not in _good_ids and not _admit(event.agent_id):
        return _slowly(raw, TradeEvent, wire.Trade)
    if event.exit_ts < event.entry_ts:
        return _slowly(raw, TradeEvent, wire.Trade)
    colons = _colons(raw)
    if colons != 14:
        # Defaults may have been sent or not, and only the keys tell.
        _check_members(raw, colons)
    return event


def decode_health(raw: bytes) -> wire.Health:
    if len(raw) > MAX_MESSAGE_BYTES:
        return _slowly(raw, HealthEvent, wire.Health)
    try:
        event = _health(raw)
    except _REFUSED:
        return _slowly(raw, HealthEvent, wire.Health)
    if event.agent_id not in _good_ids and not _admit(event.agent_id):
        return _slowly(raw, HealthEvent, wire.Health)
    optional = (event.errors_1h, event.last_error, event.last_action_ts, event.equity_interval_secs)
    members = 12 - optional.count(None)
    if event.checks is not None:
        members += 1 + 2 * len(event.checks)
    if event.api_latency_ms is not None:
        members += 1 + len(event.api_latency_ms)
    if event.labels is not None:
        members += 1 + len(event.labels)
    if _colons(raw) != members:
        parse(raw)
    return event


def decode_alert(raw: bytes) -> wire.Alert:
    return _slowly(raw, AlertEvent, wire.Alert)


def validate(raw: bytes, model: type[ModelT]) -> ModelT:
    """Read a message of any topic by its model (`TOPICS[...].model`). Raises Rejected."""
    document = parse(raw)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise rejection(error) from None


def _slowly(raw: bytes, model: type[ModelT], struct: type[StructT]) -> StructT:
    return msgspec.convert(validate(raw, model).model_dump(by_alias=True, exclude_none=True), struct)


def _admit(agent_id: str) -> bool:
    if _is_agent_id(agent_id) is None:
        return False
    if len(_good_ids) >= _MAX_GOOD_IDS:
        _good_ids.clear()
    _good_ids.add(agent_id)
    return True


def _colons(raw: bytes) -> int:
    # `raw.count` steps through every byte; `replace` searches as memchr does: a third of the time.
    return len(raw) - len(raw.replace(b":", b""))


def _check_members(raw: bytes, colons: int) -> None:
    """Raises Rejected unless `raw`, which msgspec could read, is as good to the strict parser.

    Without more brackets every value is a scalar; with as many colons as different keys none occurs twice; and plain
    ASCII without escapes leaves nothing in the unknown fields to disagree about.
    """
    flat = raw.count(b"{") == 1 and b"[" not in raw
    if not flat or b"\\" in raw or not raw.isascii() or colons != len(_members(raw)):
        parse(raw)
