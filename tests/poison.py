"""What must hold for any bytes that arrive between an agent's events; for fuzzers to look for bytes where it does not.

What must become of a record is judged by the published contract, slowly and apart from the pipeline. Then two pipelines must
agree in all that they say and in the bytes of their states: one that met the record, and a twin that met the good events
alone or, where the record is good, the contract's own spelling of it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
from jsonschema import Draft7Validator
from pydantic import BaseModel

from core_records import EPOCH, START, Rec, Run, equity_event, health_event, packed, unpacked
from fleawatch.core.outputs import MAX_KEY_BYTES, Output
from fleawatch.core.pipeline import Pipeline, equity_pipeline, health_pipeline, trades_pipeline
from fleawatch.core.rules import FUTURE_SECS
from fleawatch.engine.parts import split_key
from fleawatch_schemas.account_entry import AccountEntry
from fleawatch_schemas.codec import validate
from fleawatch_schemas.dead_letter import MAX_ORIGINAL_BYTES
from fleawatch_schemas.equity import EquityEvent
from fleawatch_schemas.events import Event
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.strict_json import parse
from fleawatch_schemas.topics import TOPICS as PUBLISHED
from fleawatch_schemas.trades import TradeEvent

AGENT: Final = b"momentum-1"
TOPICS: Final = ("equity", "trades", "health")
_SCHEMAS = Path(__file__).resolve().parents[1] / "schemas" / "json"
_VALIDATORS: Final = {
    name: Draft7Validator(json.loads((_SCHEMAS / f"{name}.json").read_text(encoding="utf-8")))
    for name in (*TOPICS, "account-entries")
}


def trade(seq: int) -> dict[str, Any]:
    common = {
        name: value
        for name, value in equity_event(seq, 1.0).items()
        if name in {"v", "agent_id", "epoch", "seq", "ts"}
    }
    return common | {
        "trade_id": f"t{seq}", "strategy": "s", "asset": "BTC-USD", "side": "buy", "size": 1.5, "entry_price": 100.0,
        "exit_price": 101.0, "entry_ts": common["ts"] - 60, "exit_ts": common["ts"], "fees": 0.1,
    }  # fmt: skip


def good(topic: str, seq: int) -> bytes:
    """An event of AGENT that each topic's pipeline takes."""
    match topic:
        case "equity":
            return orjson.dumps(equity_event(seq, 100.0 + seq, net_deposits=0.0, currency="USD"))
        case "trades":
            return orjson.dumps(trade(seq))
        case _:
            return orjson.dumps(health_event(seq))


def entry() -> bytes:
    """An operator's entry among AGENT's equity events."""
    return orjson.dumps({
        "v": 1, "entry": "set_peak", "entry_id": "e1", "agent_id": AGENT.decode(), "by": "ops", "reason": "onboarded",
        "ts": START, "peak": 150.0, "seen": False, "until": START + 60,
    })  # fmt: skip


PIPELINES: Final[dict[str, Callable[[int], Pipeline[Any, Any]]]] = {
    "equity": equity_pipeline,
    "trades": trades_pipeline,
    "health": health_pipeline,
}


def judge(topic: str, record: Rec) -> BaseModel:
    """What `record` says after the first good event of AGENT, by the contract alone.

    Raises:
        Rejected: it is no event, nor an entry, that can be used.
    """
    value = record.value or b""
    try:
        found = validate(value, PUBLISHED[topic].model)
    except Rejected as why:
        if topic == "equity" and why.reason is Reason.MISSING_FIELD and b'"entry"' in value:
            return _judge_entry(record, value)
        raise
    assert isinstance(found, Event)
    if record.key is None or record.key != found.agent_id.encode():
        raise Rejected(Reason.KEY_MISMATCH, "the key is another one")
    latest = record.timestamp / 1000 + FUTURE_SECS
    if found.ts > latest:
        raise Rejected(Reason.FUTURE, "ts is too far ahead of its arrival")
    if record.key == AGENT and found.epoch < EPOCH:
        raise Rejected(Reason.STALE_EPOCH, "the first event's epoch is larger")
    if record.key == AGENT and (found.epoch, found.seq) == (EPOCH, 0):
        return found  # a repeat: nobody looks what else it says
    if isinstance(found, TradeEvent) and found.exit_ts > latest:
        raise Rejected(Reason.FUTURE, "exit_ts is too far ahead of its arrival")
    if isinstance(found, EquityEvent) and record.key == AGENT and found.currency not in {None, "USD"}:
        raise Rejected(Reason.CURRENCY_CHANGED, "the first event was in USD")
    return found


def _judge_entry(record: Rec, value: bytes) -> BaseModel:
    try:
        found = validate(value, AccountEntry)
    except Rejected:
        raise Rejected(Reason.BAD_FIELD, "no entry either") from None
    if record.key is None or record.key != found.agent_id.encode():
        raise Rejected(Reason.KEY_MISMATCH, "the key is another one")
    return found


def check(topic: str, key: bytes | None, value: bytes | None) -> Reason | None:
    """One record between good ones; the reason for which it was rejected, if it was.

    Raises:
        AssertionError: the record vanished, was taken or rejected against the contract, was read as something else than it
            says, left a trace though it was rejected, or kept the next event from being taken.
    """
    poison = Rec(1, _ms(1), key, value)
    try:
        found = judge(topic, poison)
    except Rejected as why:
        reason = why.reason
    else:
        _check_taken(topic, poison, found)
        return None
    _check_rejected(topic, poison, reason)
    return reason


def _check_taken(topic: str, record: Rec, found: BaseModel) -> None:
    """It is what the contract reads in it, and the published schema has nothing against it."""
    begin, more = _around(topic)
    met, twin = Run(PIPELINES[topic](1)), Run(PIPELINES[topic](1))
    spelt = found.model_dump_json(by_alias=True, exclude_none=True).encode()
    applied = met.apply([begin, record])
    assert applied == twin.apply([begin, Rec(record.offset, record.timestamp, record.key, spelt)])
    assert applied.rejected == {}
    assert applied.events + applied.duplicates + isinstance(found, AccountEntry) == 2
    assert met.packed() == twin.packed()
    assert met.apply(more) == twin.apply(more)
    assert met.packed() == twin.packed()
    assert all(name.decode() == state.agent_id for name, state in met.states.items())
    published = "account-entries" if isinstance(found, AccountEntry) else topic
    assert _VALIDATORS[published].is_valid(parse(record.value or b""))


def _check_rejected(topic: str, record: Rec, reason: Reason) -> None:
    """It is in dead-letter, and all else is as if it had never come."""
    begin, more = _around(topic)
    met, twin = Run(PIPELINES[topic](1)), Run(PIPELINES[topic](1))
    applied, without = met.apply([begin, record]), twin.apply([begin])
    assert applied.rejected == {reason: 1}
    assert (applied.events, applied.duplicates, applied.replayed) == (1, 0, 0)
    dead = [output for output in applied.outputs if output.topic == "dead-letter"]
    assert [output for output in applied.outputs if output not in dead] == without.outputs
    _is_dead_letter(dead, record, reason)
    assert _unmarked(met, reason) == twin.packed()
    after = met.apply(more)
    assert (after.events, after.rejected) == (2, {})
    assert after == twin.apply(more)
    assert _unmarked(met, reason) == twin.packed()


def _around(topic: str) -> tuple[Rec, list[Rec]]:
    """The good events before and after."""
    return Rec(0, _ms(0), AGENT, good(topic, 0)), [
        Rec(1 + seq, _ms(1 + seq), AGENT, good(topic, seq)) for seq in (1, 2)
    ]


def _is_dead_letter(found: list[Output], record: Rec, reason: Reason) -> None:
    (letter,) = found
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (
        (record.key or b"")[:MAX_KEY_BYTES],
        (record.value or b"")[:MAX_ORIGINAL_BYTES],
    )
    assert (headers["reason"], headers["source-offset"]) == (reason.value.encode(), b"1")


def _unmarked(run: Run, reason: Reason) -> dict[bytes, bytes]:
    """The packed states without the mark that a rejected record may leave: its seq, open for a valid retry; or a strike,
    where its epoch has ended, for it may be a second process's.
    """
    stored = run.packed()
    st = unpacked(run.pipeline.unpack, AGENT, stored)
    if reason is Reason.STALE_EPOCH and st.strikes is not None:
        assert st.strikes.count == 1
        st.strikes = None
    if st.offset == 1:
        assert reason is Reason.STALE_EPOCH or (
            reason is not Reason.KEY_MISMATCH and (st.seq, st.missing) == (1, 1)
        )
        st.offset = st.seq = st.missing = st.missing_at = 0
    return {key: each for key, each in stored.items() if split_key(key)[0] != AGENT} | packed({AGENT: st})


def _ms(number: int) -> int:
    return int(1000 * (START + 60 * number))
