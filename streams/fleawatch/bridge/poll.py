"""One poll of one agent: both pages at once, so that a hanging one costs one timeout."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from fleawatch.bridge.fetch import Client, Page, Unanswered, Unusable
from fleawatch.bridge.figures import Figures, figures_of
from fleawatch.bridge.health_page import Said, said
from fleawatch.bridge.series import Unreadable
from fleawatch.bridge.target import Polled, Target

ReadT = TypeVar("ReadT")
METRICS, HEALTH = "metrics", "health"
"""The pages, by what they are for: a path may hold what is nobody's business."""


class Poll(NamedTuple):
    """What an agent answered.

    `ts`: when it was over; `read_ts`: when the metrics were there, which may be sooner. `asked`: the pages; `faults`: page →
    what was wrong with it; `ms`: page → how long a whole answer took.
    """

    ts: float
    read_ts: float
    reached: bool
    figures: Figures | None
    health: Said | None
    asked: tuple[str, ...]
    faults: dict[str, str]
    ms: dict[str, float]

    @property
    def useful(self) -> bool:
        return self.figures is not None or self.health is not None

    @property
    def trouble(self) -> str:
        """In words, without address or token; empty if all is well."""
        return "; ".join(f"{page} page: {why}" for page, why in self.faults.items())


class Source(Protocol):
    """How one agent is polled; each kind of agent has its own."""

    @property
    def target(self) -> Polled: ...

    async def poll(self, client: Client) -> Poll:
        """Ask, within some timeouts. Never raises for what the agent does."""
        ...

    async def follow_up(self, client: Client) -> None:
        """What may take longer: only this agent's own next poll waits for it. Never raises for what the agent does."""
        ...


class Pages:
    """An agent with pages of its own."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def poll(self, client: Client) -> Poll:
        return await poll(client, self.target)

    async def follow_up(self, client: Client) -> None:
        """Nothing: the pages say all."""


async def poll(client: Client, target: Target) -> Poll:
    """Ask. Never raises for what the agent does."""
    faults: dict[str, str] = {}
    ms: dict[str, float] = {}
    answered: dict[str, float] = {}

    async def page(name: str, path: str | None, read: Callable[[Page], ReadT]) -> ReadT | None:
        if path is None:
            return None
        try:
            got = await client.get(target.api_base + path, target.bearer, target.timeout_secs)
            answered[name] = time.time()
            ms[name] = round(got.ms, 3)
            return read(got)
        except Unanswered as exc:
            faults[name] = str(exc)
        except Unusable as exc:
            answered[name] = time.time()
            faults[name] = str(exc)
        except Unreadable as exc:
            faults[name] = str(exc)
        except Exception as exc:  # noqa: BLE001 - whatever a page does to a parser, it must not end the polls of all others
            faults[name] = f"not readable: {type(exc).__name__}"
        return None

    figures, health = await asyncio.gather(
        page(METRICS, target.metrics_path, lambda got: _figures(got, target)),
        page(HEALTH, target.health_path, said),
    )
    now = time.time()
    asked = tuple(
        page
        for page, path in ((METRICS, target.metrics_path), (HEALTH, target.health_path))
        if path is not None
    )
    return Poll(now, answered.get(METRICS, now), bool(answered), figures, health, asked, faults, ms)


def _figures(page: Page, target: Target) -> Figures:
    if page.status != 200:
        raise Unreadable(f"status {page.status}")
    return figures_of(page.body, target)
