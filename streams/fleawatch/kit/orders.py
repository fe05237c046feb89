"""What the agent obeys, as one thing: the listener to Kafka, what holds, the agent's callbacks, and the answers."""

import asyncio
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleawatch.control.signing import Keyring
from fleawatch.kit.answers import Answers
from fleawatch.kit.callbacks import Callbacks
from fleawatch.kit.control import Control
from fleawatch.kit.listener import Listener
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import State

log = logging.getLogger(__name__)

FILE = "control.json"
LAST_WORD_SECS = 1.5
"""For the answers of an agent that ends, perhaps because it was told to."""


class Orders:
    """Made in the agent's thread, `follow`ed in the emitter's; the rest may be asked from any."""

    def __init__(self, settings: Settings, agent_id: str, callbacks: Callbacks) -> None:
        """Opens nothing. Raises ConfigError for keys that are none."""
        self._agent_id = agent_id
        self._callbacks = callbacks
        self._answers = Answers(settings, agent_id)
        self._control = Control(
            agent_id,
            callbacks,
            self._answers,
            Keyring.of_settings(settings),
            starts_paused=settings.control_start == "paused",
            settled=threading.Event(),
        )
        self._listener = Listener(settings, agent_id, self._control)

    @property
    def state(self) -> State:
        return self._control.state

    @property
    def may_open(self) -> bool:
        self._callbacks.asked_at = time.monotonic()
        return self._control.may_open

    @property
    def counts(self) -> tuple[int, int]:
        """Commands that were applied, and refused."""
        return self._answers.applied, self._answers.refused

    def remember_in(self, directory: Path) -> None:
        """Where what was ordered outlives the process. Without it, only the topic remembers."""
        self._control.file = directory / FILE

    def labelled(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of a heartbeat: they say what the agent is."""
        return {"control": self.state, **labels}

    def of_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """The agent's own event loop, where async callbacks run."""
        self._callbacks.of_loop(loop)

    def wait(self, timeout: float | None) -> bool:
        """Until the control state has been read, and the agent's code told; False if that took too long."""
        return self._control.settled.wait(timeout)

    def shut(self) -> None:
        """Nothing is followed any more, so nothing may be opened."""
        self._control.shut()

    async def follow(self) -> None:
        """Until cancelled. Never raises."""
        try:
            await self._control.open()
        except Exception:  # of ours; the state stays "paused"
            log.exception("%s cannot be told what to do", self._agent_id)
            return
        answering = asyncio.create_task(self._answers.deliver())
        obeying = [asyncio.create_task(work) for work in (self._control.run(), self._listener.run())]
        try:
            done, _ = await asyncio.wait([answering, *obeying], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                log.error("%s is no longer told what to do", self._agent_id, exc_info=task.exception())
            self.shut()
        finally:
            await _cancelled(obeying)
            await self._answers.flush(LAST_WORD_SECS)
            await _cancelled([answering])
            await self._control.close()


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
