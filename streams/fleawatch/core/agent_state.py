"""What the states of all input topics share: whose it is, how far it reaches, its sequence and its alerts."""

from fleawatch.core.alerts import Firing
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch.core.sequence import Strikes


class AgentState:
    """Mutable in place. `home` and `rules` come from the worker and are not stored."""

    __slots__ = (
        "agent_id", "alerts", "epoch", "home", "lost", "missing", "missing_at", "offset", "rules", "seq", "strikes", "watch",
    )  # fmt: skip

    def __init__(self, agent_id: str) -> None:
        self.agent_id: str = agent_id
        self.home: int = -1  # the partition of its key, once that was checked
        self.offset: int = -1  # the last applied one
        self.epoch: int = -1  # from here to `strikes`: see `sequence.py`
        self.seq: int = -1
        self.missing: int = 0
        self.missing_at: int = -1
        self.lost: int = 0
        self.strikes: Strikes | None = None
        self.alerts: dict[str, Firing] = {}
        self.watch: bool = False
        self.rules: Rules = DEFAULTS

    def use(self, rules: Rules) -> None:
        """Apply `rules` from the next event or tick on."""
        self.rules = rules
