"""Children are watched and stopped; `python -m timeit` and friends stand in for workers."""

import asyncio
import signal
from pathlib import Path

import pytest

from fleawatch.local.demo import processes
from fleawatch.local.demo.processes import ChildFailed, Children

SLEEP = ("timeit", "-n1", "-r1", "-s", "import time", "time.sleep(60)")


async def test_a_child_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    children = Children(tmp_path, {})
    child = await children.start("worker-1", "timeit", "-n1", "raise OSError('no such topic')")
    await child.process.wait()
    with pytest.raises(
        ChildFailed, match=r"worker-1 ended with exit code 1: OSError: no such topic"
    ) as failure:
        children.check()
    assert str(tmp_path / "worker-1.log") in failure.value.hint


async def test_a_child_that_was_told_to_end_is_no_failure(tmp_path: Path) -> None:
    children = Children(tmp_path, {})
    child = await children.start("agent", *SLEEP)
    child.signal(signal.SIGKILL)
    await child.process.wait()
    children.check()


async def test_only_who_may_be_killed_can_be_killed_from_outside(tmp_path: Path) -> None:
    """A user may kill an agent to see the alert; a worker that is gone makes the demo pointless."""
    children = Children(tmp_path, {})
    for name, may_be_killed in (("agent", True), ("worker-1", False)):
        child = await children.start(name, *SLEEP, may_be_killed=may_be_killed)
        child.process.kill()
        await child.process.wait()
    with pytest.raises(ChildFailed, match=r"^worker-1 ended with exit code -9"):
        children.check()


async def test_stop_ends_all_and_kills_who_does_not_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECS", 0.5)
    children = Children(tmp_path, {})
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    output = tmp_path / "out"
    stubborn = await children.start(
        "deaf", "timeit", "-n1", "-r1", "-s", deaf, "time.sleep(60)", output=output
    )
    ordinary = await children.start("agent", *SLEEP)
    while "deaf" not in output.read_text():  # noqa: ASYNC110 there is no event to wait for in another process
        await asyncio.sleep(0.05)
    await children.stop()
    assert (stubborn.process.returncode, ordinary.process.returncode) == (-signal.SIGKILL, -signal.SIGTERM)
    children.check()


async def test_a_child_gets_the_environment_of_its_run(tmp_path: Path) -> None:
    children = Children(tmp_path, {"FLEAWATCH_TOPIC_PREFIX": "demo-x."})
    output = tmp_path / "out"
    child = await children.start(
        "agent",
        "timeit",
        "-n1",
        "-r1",
        "import os; print(os.environ['FLEAWATCH_TOPIC_PREFIX'])",
        output=output,
    )
    await child.process.wait()
    assert output.read_text().startswith("demo-x.")
