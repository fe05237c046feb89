"""Texts of errors, before they leave the agent: what looks like a secret is replaced. Better too much than too little."""

import re

LONGEST = 500

_PATTERNS = (
    # user:password@ in an address
    (re.compile(r"(?<=://)[^/\s@]+@"), "…@"),
    # Authorization headers, and whatever is named like a secret
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{6,}"), r"\1 …"),
    (
        re.compile(
            r"(?i)([\w-]*(?:key|token|secret|password|passwd|passphrase|signature|credential|auth)[\w-]*[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"'&,;})\]]+"
        ),
        r"\1…",
    ),
    # JSON web tokens, and long runs that are no words: keys, hashes, signatures
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]+)*"), "…"),
    (re.compile(r"\b(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{24,}\b"), "…"),
)


def redact(text: object) -> str:
    """One line of at most 500 characters."""
    line = " ".join(str(text)[: 8 * LONGEST].split())
    for pattern, instead in _PATTERNS:
        line = pattern.sub(instead, line)
    line = line.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is not JSON
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
