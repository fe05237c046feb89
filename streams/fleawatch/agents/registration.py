"""An agent is in the registry from its first event on: the worker that got it writes the record, if nobody has."""

from collections.abc import Callable

from fleawatch.core.registry import Registry
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.partition import partition_for

# An operator who registers an agent and starts it at once must not be overwritten by what its first event says: the
# worker reads his record within this time.
WAIT_SECS = 3.0
AT_ONCE = 1000


class Registration:
    """Agents that have no record yet, and since when we know."""

    def __init__(
        self, app: BatchApp, settings: Settings, registry: Registry, clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._registry = registry
        self._clock = clock
        self._topic = settings.topic("agents")
        self._partitions = settings.partitions
        self._waiting: dict[str, float] = {}  # ordered

    def saw(self, agent_id: str) -> None:
        if not self._registry.entry(agent_id).registered:
            self._waiting.setdefault(agent_id, self._clock())

    def register(self, equity: WriteBehindTable) -> None:
        """Write the records that are due. A lost one is written again when the agent's state is next restored."""
        late = self._clock() - WAIT_SECS
        due = [agent_id for agent_id, since in list(self._waiting.items())[:AT_ONCE] if since <= late]
        outputs = []
        for agent_id in due:
            del self._waiting[agent_id]
            if not self._registry.entry(agent_id).registered:
                outputs.append(self._record(agent_id, equity))
        self._app.outbox.put(None, outputs)

    def _record(self, agent_id: str, equity: WriteBehindTable) -> Outgoing:
        key = agent_id.encode()
        partition = partition_for(key, self._partitions)
        state = equity.states(partition).get(key) if equity.holds(partition) else None
        currency = (state.last.currency if state else None) or "USD"
        record = AgentRecord(agent_id=agent_id, currency=currency)
        return Outgoing(self._topic, key, record.model_dump_json().encode(), (), partition)
