"""Bytes to structs; what does not fit the contract is `Rejected` with its reason."""

import msgspec

from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Alert, Equity, Health, Trade

_equity = msgspec.json.Decoder(Equity).decode
_trade = msgspec.json.Decoder(Trade).decode
_health = msgspec.json.Decoder(Health).decode
_alert = msgspec.json.Decoder(Alert).decode


def decode_equity(raw: bytes) -> Equity:
    try:
        return _equity(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(Reason.BAD_FIELD, str(error)) from None


def decode_trade(raw: bytes) -> Trade:
    try:
        return _trade(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(Reason.BAD_FIELD, str(error)) from None


def decode_health(raw: bytes) -> Health:
    try:
        return _health(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(Reason.BAD_FIELD, str(error)) from None


def decode_alert(raw: bytes) -> Alert:
    try:
        return _alert(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Rejected(Reason.BAD_FIELD, str(error)) from None
