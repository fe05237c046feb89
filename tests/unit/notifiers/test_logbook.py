"""What matchers see of an agent: what the registry says of it, and what it would say of one that it does not know yet."""

import orjson
import pytest

from fleawatch.notifiers.logbook import Logbook
from fleawatch.settings import Settings


@pytest.mark.parametrize(
    ("agent_id", "record", "labels"),
    [
        ("plain", {"mode": "live"}, {"mode": "live"}),
        ("new", None, {"mode": "live"}),
        ("_fleet", None, {}),  # no agent
        ("grouped", {"mode": "paper", "group": "fx", "labels": {"desk": "eu"}},
         {"mode": "paper", "group": "fx", "desk": "eu"}),
    ],
)  # fmt: skip
async def test_labels_of_an_agent(
    agent_id: str, record: dict[str, object] | None, labels: dict[str, str]
) -> None:
    """Breaks where a route for live agents misses those of whom nothing else is known."""
    book = Logbook("127.0.0.1:1", Settings.load(), "telegram", notice=lambda _: None, done=lambda _, __: None)
    if record is not None:
        book._take_agent(agent_id, orjson.dumps({"agent_id": agent_id} | record))
    assert dict(book.labels(agent_id)) == labels
