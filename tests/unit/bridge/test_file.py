"""The file of agents: what it means, and how each mistake is told."""

from pathlib import Path

import pytest

from fleawatch.bridge.command import from_settings
from fleawatch.bridge.file import read_targets
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.target import Target
from fleawatch.errors import ConfigError
from fleawatch.settings import Settings

ROOT = Path(__file__).parents[3]


def write(path: Path, text: str) -> Path:
    file = path / "bridge.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BOTS_TOKEN", "of-the-bots")
    (tmp_path / "token").write_text("of-grid-2\n", encoding="utf-8")
    text = (ROOT / "examples" / "bridge.yaml").read_text(encoding="utf-8")
    targets = {
        one.agent_id: one
        for one in read_targets(write(tmp_path, text.replace("/run/secrets/grid-2", str(tmp_path / "token"))))
        if isinstance(one, Target)
    }
    assert list(targets) == ["momentum-1", "grid-2", "basket-3"]
    assert targets["momentum-1"].bearer == {"Authorization": "Bearer of-the-bots"}
    assert targets["grid-2"].bearer == {"Authorization": "Bearer of-grid-2"}
    assert targets["grid-2"].fields.equity == "account.total_value"
    assert targets["basket-3"].health_path is None
    assert targets["basket-3"].interval_secs == 15
    assert "of-grid-2" not in repr(targets)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("agents: {}", "1: agents: expected at least one agent"),
        ("agents:\n  a: {}", "2: agents.a.api_base: expected a value"),
        ("agents:\n  a: http://x", "2: agents.a: got 'http://x', expected a mapping of api_base, "),
        ("agents:\n  a b: {api_base: http://x}", "2: agents.a b: got 'a b', expected "),
        ("agents:\n  a: {api_base: ftp://x}", "2: agents.a.api_base: got 'ftp://x', expected http(s)://host"),
        (
            "agents:\n  a: {api_base: http://u:hunter2@x}",
            "2: agents.a.api_base: expected an address without user",
        ),
        (
            "agents:\n  a:\n    api_base: http://x\n    token: hunter2",
            "4: agents.a.token: expected token_env or ",
        ),
        (
            "agents:\n  a: {api_base: http://x, interval_sec: 3}",
            "2: agents.a.interval_sec: expected a field of an agent",
        ),
        (
            "defaults:\n  interval_secs: 0\nagents:\n  a: {api_base: http://x}\n  b: {api_base: http://x}",
            "2: defaults.interval_secs: got 0, expected greater than or equal to 1",
        ),
        (
            "agents:\n  a: {api_base: http://x, interval_secs: 3, timeout_secs: 4}",
            "2: agents.a.timeout_secs: got 4, expected no more than interval_secs",
        ),
        (
            "agents:\n  a: {api_base: http://x, token_env: NOT_THERE}",
            "2: agents.a.token_env: got 'NOT_THERE', expected the name of an environment variable that is set",
        ),
        (
            "agents:\n  a: {api_base: http://x, fields: {cash: b}}",
            "2: agents.a.fields.cash: got 'b', expected one of balance, equity, ",
        ),
        ("agents:\n  a: {api_base: http://x}\n  a: {api_base: http://y}", "3: agents.a occurs twice"),
        (
            "agents:\n  a: {api_base: http://x, kind: freqtrad}",
            "2: agents.a.kind: got 'freqtrad', expected one of pages, freqtrade",
        ),
        (
            "agents:\n  a: {api_base: http://x, kind: freqtrade}",
            "2: agents.a.username: expected a value (and 1 more)",
        ),
        (
            "agents:\n  a: {api_base: http://x, kind: freqtrade, username: u, password: hunter2}",
            "2: agents.a.password: expected password_env or password_file in its place",
        ),
        (
            "agents:\n  a: {api_base: http://x, kind: freqtrade, metrics_path: /m}",
            "2: agents.a.metrics_path: expected a field of an agent",
        ),
    ],
)
def test_a_mistake_is_one_line_with_field_value_and_expectation(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_targets(write(tmp_path, text))
    assert f"bridge.yaml:{told}" in str(error.value)
    assert "\n" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_token_that_fits_no_header_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD_TOKEN", "hunter2\r\nX-Evil: 1")
    with pytest.raises(ConfigError, match="token of printable ASCII") as error:
        read_targets(write(tmp_path, "agents:\n  a: {api_base: http://x, token_env: BAD_TOKEN}"))
    assert "hunter2" not in str(error.value)


def test_one_agent_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENT_ID", "momentum-1")
    with pytest.raises(ConfigError, match="API_BASE is not set"):
        from_settings(Settings.load())
    monkeypatch.setenv("API_BASE", "http://127.0.0.1:8080/")
    assert from_settings(Settings.load()).bearer == {}
    monkeypatch.setenv("PURPLEFLEA_API_KEY", "of-the-bots")
    target = from_settings(Settings.load())
    assert (target.agent_id, target.api_base) == ("momentum-1", "http://127.0.0.1:8080")
    assert target.bearer == {"Authorization": "Bearer of-the-bots"}
    monkeypatch.delenv("PURPLEFLEA_API_KEY")
    file = tmp_path / "key"
    file.write_text("from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("FLEAWATCH_BRIDGE_API_KEY_FILE", str(file))
    assert from_settings(Settings.load()).bearer == {"Authorization": "Bearer from-a-file"}
    monkeypatch.setenv("API_BASE", "momentum-1:8080")
    with pytest.raises(ConfigError, match=r"API_BASE: expected http\(s\)://host"):
        from_settings(Settings.load())


def test_forty_bots_from_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREQTRADE_PASSWORD", "of-all")
    monkeypatch.setenv("GRID_PASSWORD", "of-one")
    monkeypatch.setenv("BOTS_TOKEN", "of-the-others")
    targets = {one.agent_id: one for one in read_targets(ROOT / "examples" / "freqtrade.yaml")}
    bots = {name: one for name, one in targets.items() if isinstance(one, FreqtradeTarget)}
    assert len(bots) >= 40
    assert len({one.api_base for one in bots.values()}) == len(bots)
    assert {one.username for one in bots.values()} == {"Freqtrader"}
    passwords = {one.password.get_secret_value() for one in bots.values()}
    assert passwords == {"of-all", "of-one"}
    assert "of-all" not in repr(bots)
    (page,) = targets.keys() - bots.keys()
    assert isinstance(targets[page], Target)
