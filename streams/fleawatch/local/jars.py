"""The broker's jars: fetched once by jgo, checked against pinned digests, kept in the user's cache."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleawatch.errors import BrokerUnavailable
from fleawatch.local.lock import locked

KAFKA_VERSION = "4.1.1"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
DIGESTS = Path(__file__).with_name("kafka-jars.sha256")  # as `sha256sum *.jar` writes it
Say = Callable[[str], None]


def cache_root() -> Path:
    """Where this user's programs keep what they can fetch again."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "fleawatch"
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "fleawatch"


def ensure_jars(say: Say) -> Path:
    """The directory of the jars, filled first where it is missing.

    A directory of the final name is complete: it is filled elsewhere and renamed, by one process at a time.

    Raises:
        BrokerUnavailable: they could not be fetched, or are not the files that we expect.
    """
    root = cache_root()
    target = root / f"kafka-{KAFKA_VERSION}"
    if target.is_dir():
        return target
    with locked(
        root / f"kafka-{KAFKA_VERSION}.lock", lambda: say("another process is fetching Kafka, waiting for it")
    ):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=root, prefix="filling-") as work:
                ready = Path(work) / "jars"
                _fetch(Path(work), ready, say)
                _check(ready)
                ready.rename(target)
            say(f"Kafka {KAFKA_VERSION} is in {target}")
    return target


def _digests() -> dict[str, str]:
    pairs = (line.split() for line in DIGESTS.read_text(encoding="ascii").splitlines())
    return {name: digest for digest, name in pairs}


def _fetch(work: Path, ready: Path, say: Say) -> None:
    import requests
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext, PythonResolver

    total = len(_digests())
    done = 0
    fetched = 0

    @contextmanager
    def progress(name: str, size: int) -> Iterator[Callable[[int], None]]:
        nonlocal done, fetched
        yield lambda _: None
        if not name.endswith(".jar"):
            return  # one of the many small files that name what each jar needs
        done += 1
        fetched += size
        say(f"fetching Kafka {KAFKA_VERSION}: {done} of {total} files, {fetched / 1e6:.0f} MB ({name})")

    say(f"fetching Kafka {KAFKA_VERSION}: once, about 45 MB, half a minute")
    # A repository and a cache of our own: what a person has in ~/.m2 does not change what we run.
    maven = MavenContext(
        resolver=PythonResolver(progress_callback=progress), repo_cache=work / "repository", timeout=60
    )
    builder = EnvironmentBuilder(context=maven, cache_dir=work / "cache", link_strategy=LinkStrategy.COPY)
    try:
        environment = builder.from_endpoint(ENDPOINT)
    except (requests.RequestException, RuntimeError, OSError) as exc:
        raise BrokerUnavailable(
            f"Kafka's files could not be fetched: {exc}",
            hint="needs the internet once; or name a Kafka in FLEAWATCH_BOOTSTRAP_SERVERS",
        ) from exc
    ready.mkdir()
    for jar in environment.path.rglob("*.jar"):
        shutil.move(jar, ready / jar.name)


def _check(directory: Path) -> None:
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in directory.glob("*.jar")}
    if found != (expected := _digests()):
        wrong = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        raise BrokerUnavailable(
            f"Kafka's files are not the expected ones: {', '.join(wrong)}",
            hint="a proxy or mirror may have changed them",
        )
