"""The last words of a run: what each story led to, and what was processed, found and sent."""

from collections import Counter
from collections.abc import Mapping, Sequence

from fleawatch.local.demo.board import Board
from fleawatch.local.demo.roster import Profile

INPUTS = ("equity", "trades", "health")


def stories(profiles: Sequence[Profile], board: Board) -> list[str]:
    """One line a story: the cause, and whether the monitor said what it should have."""
    lines = []
    for profile in profiles:
        story = profile.story
        if story is None:
            continue
        alert = next(
            (a for a in board.alerts if (a.agent_id, a.rule) == (profile.agent_id, story.alert)), None
        )
        seen = f"{alert.severity} {alert.rule}" if alert else f"no {story.alert} yet"
        lines.append(f"{profile.agent_id:<16} {story.cause}  →  {seen}")
    return lines


def last_line(counts: Mapping[str, int], board: Board, sent: int) -> str:
    """`counts`: records by topic. `sent`: notifications that the log channel wrote."""
    processed = ", ".join(f"{counts[name]:,} {name}" for name in INPUTS)
    rules = Counter(alert.rule for alert in board.alerts)
    found = ", ".join(f"{rule} {number}" for rule, number in sorted(rules.items())) or "none"
    return (
        f"processed {sum(counts[name] for name in INPUTS):,} events ({processed}; {counts['dead-letter']:,} rejected), "
        f"found {counts['anomalies']:,} anomalies and {len(board.alerts):,} alerts ({found}), "
        f"sent {sent:,} notifications"
    )
