"""Poison input, guided by coverage: `make fuzz`, for as long as wanted. What breaks `poison.check` is written to `build/fuzz/`.

The first byte chooses the topic, the second the key; the rest is the record's value.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["fleawatch", "fleawatch_schemas"]):
    from hostile_records import hostile
    from poison import AGENT, TOPICS, check, entry, good

KEYS = (AGENT, None, b"", b"other", AGENT + b"\n")
ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "build" / "fuzz"
EXAMPLES = ROOT / "schemas" / "examples"


def one(data: bytes) -> None:
    """What the fuzzer calls."""
    if len(data) >= 2:
        check(TOPICS[data[0] % len(TOPICS)], KEYS[data[1] % len(KEYS)], data[2:])


def seed() -> None:
    """Begin with what is known: good events of each topic, the published examples, and hostile ones that are not large."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    values = [(at, good(topic, 1)) for at, topic in enumerate(TOPICS)]
    values.append((0, entry()))
    for at, topic in enumerate(TOPICS):
        values += [(at, path.read_bytes()) for path in sorted((EXAMPLES / topic).glob("*.json"))]
    values += [(0, value) for _, value, _ in hostile(AGENT) if value and len(value) < 1000]
    for number, (at, value) in enumerate(values):
        (CORPUS / f"seed-{number}").write_bytes(bytes((at, 0)) + value)


if __name__ == "__main__":
    seed()
    atheris.Setup(
        [sys.argv[0], str(CORPUS), f"-artifact_prefix={CORPUS}/found-", "-max_len=2000", *sys.argv[1:]], one
    )
    atheris.Fuzz()
