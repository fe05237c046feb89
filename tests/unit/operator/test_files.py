"""Files of rules and agents: what is read from them, and how mistakes are told."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleawatch.core.registry import Registry, agent_of
from fleawatch.errors import ConfigError
from fleawatch.operator.agents_file import read_agents
from fleawatch.operator.rules_command import rules
from fleawatch.operator.rules_diff import Difference, concerned, differences, unmatched
from fleawatch.operator.rules_file import read_rules
from fleawatch_schemas.agents import AgentRecord
from rules_table import with_tables

ROOT = Path(__file__).parents[3]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, read: object = read_rules) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(path)  # type: ignore[operator] # one of the two readers
    return [
        line.strip().removeprefix(f"{path}:") for line in str(error.value).splitlines() if str(path) in line
    ]


def example_registry() -> Registry:
    registry = Registry()
    for agent_id, fields in read_agents(ROOT / "examples" / "agents.yaml").items():
        registry.put_agent(agent_id, agent_of(AgentRecord(agent_id=agent_id, **fields)))
    for key, overrides in read_rules(ROOT / "examples" / "rules.yaml").items():
        registry.put_overrides(key, overrides)
    return registry


def test_the_examples_say_what_their_comments_say() -> None:
    registry = example_registry()
    trend, fx, sandbox = (registry.rules_of(name) for name in ("btc-trend-1", "eur-basket-2", "sandbox-7"))
    assert (trend.drawdown_exceeded.threshold, trend.kill_drawdown, trend.large_loss) == (0.20, 0.30, 0.05)
    assert (trend.win_rate_low.threshold, trend.error_rate.threshold, trend.api_latency.for_secs) == (
        0.25,
        40,
        60,
    )
    assert (fx.drawdown_exceeded.threshold, fx.error_rate.threshold, fx.daily_loss.enabled) == (
        0.15,
        20,
        True,
    )
    assert fx.drawdown_exceeded.resolve_ratio == pytest.approx(0.8)
    assert (trend.auto_control, fx.auto_control) == ("on", "dry_run")
    assert not sandbox.return_anomaly.enabled
    assert not sandbox.agent_stopped.enabled
    assert sandbox.capped("CRITICAL") == "WARN"
    assert (
        registry.effective("btc-trend-1").origins["win_rate_low.threshold"] == "preset trend (group crypto)"
    )


def test_check_needs_no_kafka_and_ends_with_an_error_for_a_bad_file(tmp_path: Path) -> None:
    runner = CliRunner(env={"FLEAWATCH_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    good = runner.invoke(rules, ["check", str(ROOT / "examples" / "rules.yaml")])
    assert (good.exit_code, "5 scopes" in good.output) == (0, True)
    bad = runner.invoke(rules, ["check", str(written(tmp_path, "fleet: {wiped: 1}"))])
    assert isinstance(bad.exception, ConfigError)


def test_each_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """\
fleet:
  drawdown_exeeded: 10
  drawdown_exceeded:
    threshold: 0.15
    kill_drawdown: x
  clock_skew: [5]
groups:
  crypto: {clock_skew: {severity: HIGH}, preset: scalping}
  fx: {clock_skew: {thresh: 5}}
agents:
  a: {clock_skew: {enabled: "no"}}
  b: 12
grops: {}
""",
    )
    assert refused(path) == [
        "2: fleet.drawdown_exeeded: expected the name of a rule; did you mean drawdown_exceeded?",
        "4: fleet.drawdown_exceeded.threshold: got 0.15, expected 1 to 100 % (a share of 0.15 is 15 %)",
        "5: fleet.drawdown_exceeded.kill_drawdown: got 'x', expected a number in %",
        "6: fleet.clock_skew: got [5], expected a mapping, a threshold, or true or false",
        "8: groups.crypto.preset: got 'scalping', expected one of trend, mean-reversion, market-making",
        "8: groups.crypto.clock_skew.severity: got 'HIGH', expected 'INFO', 'WARN' or 'CRITICAL'",
        "9: groups.fx.clock_skew.thresh: got 5, expected a field of clock_skew; did you mean threshold?",
        "11: agents.a.clock_skew.enabled: got 'no', expected a valid boolean",
        "12: agents.b: got 12, expected a mapping of rules",
        "13: grops: expected a section; did you mean groups?",
    ]


def test_a_scope_is_checked_on_top_of_the_files_wider_ones(tmp_path: Path) -> None:
    text = "fleet: {drawdown_exceeded: {threshold: 20, kill_drawdown: 30}}\nagents:\n  btc-1: {drawdown_exceeded: %d}\n"
    assert read_rules(written(tmp_path, text % 30))
    assert refused(written(tmp_path, text % 31)) == [
        "3: agents.btc-1.drawdown_exceeded.threshold: got 31, expected at most kill_drawdown, 30 % (fleet): set both"
    ]
    pattern = 'groups: {"btc-*": {drawdown_exceeded: {kill_drawdown: 40}}}\nagents: {btc-1: {drawdown_exceeded: 31}}'
    assert read_rules(written(tmp_path, pattern))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fleet: {}\nfleet: {}\n", ["2: fleet occurs twice, first on line 1"]),
        ("fleet:\n  clock_skew: 1\n  clock_skew: 2\n", ["3: fleet.clock_skew occurs twice, first on line 2"]),
        ("agents: {1: {}}", ["1: the key 1 is not text: put it in quotes"]),
        ("fleet: [", ["1: no YAML: expected the node content, but found '<stream end>'"]),
        (
            "fleet: !!python/object/apply:os.getcwd []",
            ["1: no YAML of ours: the tag 'tag:yaml.org,2002:python/object/apply:os.getcwd'"],
        ),
        ("- fleet", ["1: got ['fleet'], expected a mapping"]),
        ("fleet: {clock_skew: .nan}", ["1: fleet.clock_skew.threshold: got nan, expected a finite number"]),
        (
            "fleet: {clock_skew: {threshold: true}}",
            ["1: fleet.clock_skew.threshold: got True, expected a valid number"],
        ),
        (
            f"agents: {{{'a' * 65}: {{}}}}",
            [f"1: agents.{'a' * 65}: expected String should have at most 64 characters"],
        ),
    ],
)
def test_what_is_no_file_of_rules(tmp_path: Path, text: str, told: list[str]) -> None:
    assert refused(written(tmp_path, text)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "agents: {a: {group: 'btc-*'}}",
            "1: agents.a.group: got 'btc-*', expected no * ? [ or = in a group's name",
        ),
        (
            "agents:\n  a:\n    owners: ada\n",
            "3: agents.a.owners: expected a field of an agent; did you mean owner?",
        ),
        ("agents: {a: {mode: demo}}", "1: agents.a.mode: got 'demo', expected 'live', 'paper' or 'backtest'"),
        ("agents: {_fleet: {}}", "1: agents._fleet: got '_fleet', expected String should match pattern"),
        ("agent: {}", "1: agent: expected agents"),
    ],
)
def test_what_is_no_file_of_agents(tmp_path: Path, text: str, told: str) -> None:
    (line,) = refused(written(tmp_path, text), read_agents)
    assert line.startswith(told)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read_rules(written(tmp_path, "")) == {}
    assert read_agents(written(tmp_path, "agents: {a: }")) == {"a": {}}


def test_differences_are_told_value_by_value(tmp_path: Path) -> None:
    old = read_rules(written(tmp_path, "fleet: {clock_skew: 7, error_rate: false}\nagents: {a: {}}"))
    new = read_rules(
        written(tmp_path, "fleet: {clock_skew: 8, error_rate: false}\ngroups: {g: {preset: trend}}")
    )
    assert differences(old, new) == [
        Difference("agent|a", "", None, None),
        Difference("fleet", "clock_skew.threshold", 7, 8),
        Difference("group|g", "preset", None, "trend"),
    ]
    assert differences(new, new) == []


def test_how_many_agents_a_change_concerns(tmp_path: Path) -> None:
    now, then = example_registry(), example_registry()
    for key, overrides in read_rules(
        written(tmp_path, "groups: {fx: {clock_skew: 8}, crypto: {error_rate: 40}}")
    ).items():
        then.put_overrides(key, overrides)
    assert concerned(now, then) == 2  # the crypto group loses its preset


def test_scopes_that_no_agent_is_in_are_told(tmp_path: Path) -> None:
    groups = "groups: {fx: {}, crytpo: {}, region=us: {}, 'btc-*': {}, 'eth-*': {}}"
    text = f"fleet: {{}}\n{groups}\nagents: {{btc-trend-1: {{}}, b: {{}}, _fleet: {{}}}}"
    found = unmatched(example_registry(), read_rules(written(tmp_path, text)))
    assert found == ["group|crytpo", "group|region=us", "group|eth-*", "agent|b"]


def test_the_tables_of_the_docs_are_what_the_program_uses() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert with_tables(text) == text, "run `make generate`"


@pytest.mark.parametrize(
    ("word", "mode"), [("on", "on"), ("off", "off"), ("'on'", "on"), ("dry_run", "dry_run")]
)
def test_on_and_off_are_words_where_they_can_be_chosen(tmp_path: Path, word: str, mode: str) -> None:
    """Breaks when YAML's idea of a boolean leaves an agent uncontrolled."""
    path = written(tmp_path, f"fleet: {{drawdown_exceeded: {{auto_control: {word}}}}}")
    assert read_rules(path)["fleet"].rules["drawdown_exceeded"].parameters == {"auto_control": mode}


def test_other_modes_of_control_are_refused_with_those_there_are(tmp_path: Path) -> None:
    path = written(tmp_path, "fleet: {drawdown_exceeded: {auto_control: maybe}}")
    assert refused(path) == [
        "1: fleet.drawdown_exceeded.auto_control: got 'maybe', expected one of off, dry_run, on"
    ]
    assert refused(written(tmp_path, "fleet: {return_anomaly: {large_loss: on}}"))
