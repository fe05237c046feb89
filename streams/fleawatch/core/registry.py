"""Who the agents are, and which rules hold for each. Pure: `agents.registry` keeps it current from the topics."""

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from fleawatch.core.calendar import AROUND_THE_CLOCK, Calendar
from fleawatch.core.overrides import RULE_NAMES, Layer, build, layers_of, merge
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.rules import RuleOverrides

Mode = Literal["live", "paper", "backtest"]
WATCHING_LIFE = ("agent_stopped", "agent_unreachable", "agent_unmonitored")
PATTERN = frozenset("*?[")


class Agent(NamedTuple):
    """What is known of an agent beside its events; the defaults hold for one that is in no registry."""

    mode: Mode = "live"
    group: str | None = None
    labels: tuple[tuple[str, str], ...] = ()  # sorted
    venue: str | None = None
    currency: str = "USD"
    equity_interval_secs: float | None = None  # None: as the agent says
    calendar: str = AROUND_THE_CLOCK.name
    expected: bool = True  # its silence is an alert
    owner: str | None = None
    retired: bool = False
    registered: bool = False  # the registry has a record of it


UNKNOWN = Agent()


class Effective(NamedTuple):
    """The rules of one agent; `origins`: by `rule.field`, for what is not a default."""

    rules: Rules
    origins: dict[str, str]


class Registry:
    """The agents and the rules at this moment. `base` are the rules that hold without any override.

    Agents to whom the same applies share one `Rules`, so that `is` tells whether a change concerns them.
    """

    def __init__(
        self,
        base: Rules = DEFAULTS,
        calendar_of: Callable[[str], Calendar] = lambda _name: AROUND_THE_CLOCK,
    ) -> None:
        self.base = base
        self.live = 0  # agents that have a record, and are live and not retired
        self._calendar_of = calendar_of
        self._agents: dict[str, Agent] = {}
        self._same: dict[Agent, Agent] = {}  # most agents have equal entries
        self._overrides: dict[str, RuleOverrides] = {}
        self._groups: list[RuleOverrides] = []  # the widest first
        self._patterns: list[str] = []  # of the groups that are patterns of ids
        self._made: dict[tuple[Agent, str, tuple[str, ...]], Rules] = {}
        self._equal: dict[Rules, Rules] = {base: base}

    def entry(self, agent_id: str) -> Agent:
        return self._agents.get(agent_id, UNKNOWN)

    def agents(self) -> dict[str, Agent]:
        """All that have a record, the retired ones included."""
        return self._agents

    def overrides(self) -> dict[str, RuleOverrides]:
        """By their keys on the topic."""
        return self._overrides

    def rules_of(self, agent_id: str) -> Rules:
        agent = self.entry(agent_id)
        own = self._overrides.get(f"agent|{agent_id}")
        # which labels and named groups apply, the entry says
        patterns = tuple([name for name in self._patterns if fnmatchcase(agent_id, name)])
        key = (agent, "" if own is None else agent_id, patterns)
        rules = self._made.get(key)
        if rules is None:
            made = self.effective(agent_id).rules
            rules = self._made[key] = self._equal.setdefault(made, made)
        return rules

    def effective(self, agent_id: str) -> Effective:
        """The rules with the origin of what is not a default."""
        merged = merge(self.layers(agent_id))
        rules, agent = build(self.base, merged.values), self.entry(agent_id)
        rules = replace(
            rules,
            calendar=self._calendar_of(agent.calendar),
            interval_secs=agent.equity_interval_secs or 0.0,
            currency=agent.currency if agent.registered else "",
        )
        return _as_registered(rules, self._with_share(merged.origins), agent)

    def fleet(self) -> Effective:
        """What holds for an agent of which nothing is known."""
        fleet = self._overrides.get("fleet")
        merged = merge(layers_of(fleet) if fleet else [])
        return Effective(build(self.base, merged.values), self._with_share(merged.origins))

    def _with_share(self, origins: dict[str, str]) -> dict[str, str]:
        """`origins`, and where the number of those comes from who share the false alarms."""
        if not self.live:
            return origins
        return {"return_anomaly.fleet_agents": f"registry: {self.live} live"} | origins

    def layers(self, agent_id: str) -> list[Layer]:
        """What applies to the agent, the widest first."""
        agent = self.entry(agent_id)
        chosen = [one for one in self._groups if applies(one, agent_id, agent)]
        own = self._overrides.get(f"agent|{agent_id}")
        if own is not None:
            chosen.append(own)
        fleet = self._overrides.get("fleet")
        return [layer for one in ([fleet, *chosen] if fleet else chosen) for layer in layers_of(one)]

    def put_agent(self, agent_id: str, agent: Agent | None) -> bool:
        """Take over a record, or drop it (None); True when other rules may hold for the agent now.

        `base` is another object afterwards when that may be so for everybody.
        """
        before = self.entry(agent_id)
        if agent is None:
            self._agents.pop(agent_id, None)
        else:
            self._agents[agent_id] = self._same.setdefault(agent, agent)
        self.live += _is_live(agent or UNKNOWN) - _is_live(before)
        share = _share(self.live)
        if self.live and share != self.base.fleet_agents:
            self.base = replace(self.base, fleet_agents=share)
            self._made.clear()
        return _concerns_rules(before) != _concerns_rules(agent or UNKNOWN)

    def put_overrides(self, key: str, overrides: RuleOverrides | None) -> None:
        """Take over a record, or drop it (None). Which agents it concerns, `rules_of` tells."""
        if overrides is None:
            self._overrides.pop(key, None)
        else:
            self._overrides[key] = overrides
        if key.startswith("group|"):
            groups = [one for one in self._overrides.values() if one.scope == "group"]
            self._groups = sorted(groups, key=precedence)
            self._patterns = [one.name for one in groups if one.name and PATTERN & set(one.name)]
        self._made.clear()


def base_rules(liveness_floor_secs: float) -> Rules:
    """The defaults, with the setting that stands for one of them."""
    return replace(DEFAULTS, agent_stopped=replace(DEFAULTS.agent_stopped, threshold=liveness_floor_secs))


def agent_of(record: AgentRecord) -> Agent:
    """A record of the topic as an entry."""
    return Agent(
        record.mode, record.group, tuple(sorted(record.labels.items())), record.venue, record.currency,
        record.equity_interval_secs, record.calendar, record.expected, record.owner, record.retired, registered=True,
    )  # fmt: skip


def key_of(overrides: RuleOverrides) -> str:
    """The record's key on the topic."""
    return overrides.scope if overrides.name is None else f"{overrides.scope}|{overrides.name}"


def precedence(group: RuleOverrides) -> tuple[int, str]:
    """A group's name is narrower than a label, a label narrower than a pattern; among equals the last by alphabet wins."""
    name = group.name or ""
    return 0 if PATTERN & set(name) else 1 if "=" in name else 2, name


def applies(group: RuleOverrides, agent_id: str, agent: Agent) -> bool:
    """Whether the agent is in the group: by pattern of its id, by label, or by its group's name."""
    name = group.name or ""
    kind, _ = precedence(group)
    if kind == 0:
        return fnmatchcase(agent_id, name)
    if kind == 1:
        label, _, value = name.partition("=")
        return (label, value) in agent.labels
    return agent.group == name


def _concerns_rules(agent: Agent) -> Agent:
    return agent._replace(venue=None, owner=None)


def _is_live(agent: Agent) -> bool:
    return agent.registered and agent.mode == "live" and not agent.retired


def _share(live: int) -> float:
    """The next power of two: a function of the registry alone, the same on every worker, and seldom another."""
    return float(1 << max(0, live - 1).bit_length())


def _as_registered(rules: Rules, origins: dict[str, str], agent: Agent) -> Effective:
    """What the registry says of the agent outranks every override."""
    origins = dict(origins)
    off = RULE_NAMES if agent.retired else () if agent.expected else WATCHING_LIFE
    why = "registry: retired" if agent.retired else "registry: not expected"
    changes: dict[str, object] = {}
    for name in RULE_NAMES:
        rule = getattr(rules, name)
        if name in off and rule.enabled:
            rule = replace(rule, enabled=False)
            origins[f"{name}.enabled"] = why
        if agent.mode != "live" and rule.severity == "CRITICAL":
            rule = replace(rule, severity="WARN")
            origins[f"{name}.severity"] = f"registry: {agent.mode}"
        changes[name] = rule
    if agent.mode != "live":
        changes["ceiling"] = "WARN"
    if agent.mode == "backtest" and rules.auto_control != "off":
        changes["auto_control"] = "off"  # it tells of the past
        origins["drawdown_exceeded.auto_control"] = "registry: backtest"
    return Effective(replace(rules, **changes) if off or agent.mode != "live" else rules, origins)  # type: ignore[arg-type] # by name
