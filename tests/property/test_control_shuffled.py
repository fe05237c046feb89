"""An agent that hears its orders in any order, some twice, some never, some again after a restart."""

import asyncio
import tempfile
import threading
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from control_histories import STEPS, history
from fleawatch.control.records import sealed
from fleawatch.kit.answers import Answers
from fleawatch.kit.callbacks import Callbacks
from fleawatch.kit.control import Control
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import Action, Command, CommandAck, ControlState

SETTINGS = Settings(bootstrap_servers="127.0.0.1:1")


async def _agent(
    folder: Path, heard: list[Command | ControlState], calls: list[str]
) -> tuple[Control, list[CommandAck]]:
    """One process of it, that hears these and ends."""
    answers = Answers(SETTINGS, "a", lambda: 1.0)
    on = [lambda _, name=name: calls.append(name) for name in ("pause", "resume", "kill")]
    control = Control(
        "a",
        Callbacks(on[0], on[1], on[2], None),
        answers,
        None,
        starts_paused=True,
        settled=threading.Event(),
        clock=lambda: 1.0,
    )
    control.file = folder / "control.json"
    await control.open()
    running = asyncio.create_task(control.run())
    control.was_read()
    for offset, record in enumerate(heard):
        if isinstance(record, Command):
            await control.take_command(sealed(record, None), offset)
        else:
            await control.take_state(sealed(record, None))
    while True:
        await asyncio.sleep(0.001)
        if control._latest.outcome is not None:
            break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await control.close()
    return control, [msgspec.json.decode(raw, type=CommandAck) for raw in answers._waiting]


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, data=st.data())
def test_it_ends_as_was_wanted_last_and_obeys_no_command_twice(
    steps: list[tuple[Action, bool]], data: st.DataObject
) -> None:
    written, wanted = history(steps)
    again = data.draw(st.lists(st.sampled_from(written), max_size=6)) if written else []
    heard = data.draw(st.permutations(written + again))
    cut = data.draw(st.integers(0, len(heard)))
    calls: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        _, before = asyncio.run(_agent(Path(folder), heard[:cut], calls))
        control, after = asyncio.run(_agent(Path(folder), heard[cut:], calls))
    assert control.state == wanted
    assert control.may_open == (wanted == "running")
    last = {"running": "resume", "paused": "pause", "killed": "kill"}[wanted]
    assert calls[-1:] in ([], [last]), "its code knows"
    commands = [one for one in heard if isinstance(one, Command)]
    acks = before + after
    assert len(acks) == len(commands), "each is answered, a repeated one by a refusal"
    applied = [ack.command_id for ack in acks if ack.status == "applied"]
    assert len(applied) == len(set(applied))
