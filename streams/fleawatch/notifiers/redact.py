"""The second line of defence for secrets: whatever is logged passes here, tracebacks of other libraries included.

The first line is that no code of ours puts a URL into a message; but a token is part of Telegram's URLs, and HTTP
libraries put URLs into theirs.
"""

import logging
import sys
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

HIDDEN = "[secret]"


class Redactor:
    """Replaces secrets, and those parts of them that are secret by themselves, in any text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            for part in _parts(secret):
                forms |= {part, quote(part), quote(part, safe="")}
        # Longest first, so that no remainder of a longer form stays; parts too short to be secret stay readable.
        self._forms = sorted((form for form in forms if len(form) >= 8), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text


def _parts(secret: str) -> list[str]:
    """The whole, and of a URL what stands before the @, its path and the path's end; of a token what follows the colon."""
    last = secret.rpartition("/")[2]
    if "://" not in secret:
        return [secret, secret.partition(":")[2], last]
    try:
        url = urlsplit(secret)
    except ValueError:
        return [secret, last]
    return [secret, url.netloc.rpartition("@")[0], url.username or "", url.password or "", url.path, last]


class RedactingFormatter(logging.Formatter):
    """Formats the whole record, traceback included, and redacts the result."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def log_safely(redact: Redactor, level: int = logging.INFO) -> None:
    """Make the root logger write to stderr through `redact`, in place of whatever it did before."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(redact))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)  # its "info" is every rebalance, in five lines
    log = logging.getLogger(__name__)
    sys.excepthook = lambda kind, error, trace: log.critical("this ends us", exc_info=(kind, error, trace))
