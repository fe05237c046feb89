"""What matchers see of an agent: what the registry says of it, and what it would say of one that it does not know yet."""

import orjson
import pytest

from fleawatch.notifiers.agent_labels import AgentLabels


@pytest.mark.parametrize(
    ("agent_id", "record", "labels"),
    [
        ("plain", {"mode": "live"}, {"mode": "live"}),
        ("new", None, {"mode": "live"}),
        ("_fleet", None, {}),
        ("grouped", {"mode": "paper", "group": "fx", "labels": {"desk": "eu"}},
         {"mode": "paper", "group": "fx", "desk": "eu"}),
    ],
)  # fmt: skip
def test_labels_of_an_agent(agent_id: str, record: dict[str, object] | None, labels: dict[str, str]) -> None:
    """Breaks where a route for live agents misses those of whom nothing else is known."""
    agents = AgentLabels()
    if record is not None:
        agents.take(agent_id, orjson.dumps({"agent_id": agent_id} | record))
    assert dict(agents.of(agent_id)) == labels


def test_the_newest_record_counts_and_what_is_deleted_is_forgotten() -> None:
    agents = AgentLabels()
    agents.take("a", b'{"mode": "live", "group": "fx"}')
    agents.take("a", b'{"mode": "live", "group": "crypto"}')
    assert agents.of("a")["group"] == "crypto"
    agents.take("a", None)
    assert agents.of("a") == {"mode": "live"}
