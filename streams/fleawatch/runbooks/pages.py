"""Where a runbook is, what it says, and how a message points to it."""

import re
from pathlib import Path
from typing import Self
from urllib.parse import quote

from fleawatch.errors import ConfigError
from fleawatch.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_SHIPPED = Path(__file__).parent  # in a wheel the pages lie beside this file
_CHECKOUT = Path(__file__).resolve().parents[3] / "docs" / "runbooks"
_FIRST = re.compile(r"^## Check first$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\d+\. \*\*(.+?)\*\*", re.MULTILINE | re.DOTALL)


class Runbooks:
    """A page of the operator's folder stands in for the shipped one of that name; a URL base stands in for all in messages."""

    def __init__(self, own: Path | None = None, url: str = "") -> None:
        shipped = _SHIPPED if any(_SHIPPED.glob("*.md")) else _CHECKOUT
        self._folders = (own, shipped) if own is not None else (shipped,)
        self._url = url

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Raise ConfigError for a folder that is not there."""
        own = settings.runbooks_dir
        if own is not None and not own.is_dir():
            raise ConfigError(
                f"FLEAWATCH_RUNBOOKS_DIR: {own} is not a folder", hint="a folder of NAME.md files"
            )
        return cls(own, settings.runbook_url)

    def names(self) -> list[str]:
        found = {path.stem for folder in self._folders for path in folder.glob("*.md")}
        return sorted(name for name in found if _NAME.match(name))

    def path(self, name: str) -> Path | None:
        """The page's file; None where there is none. `name` may come from an alert: it never leaves the folders."""
        if not _NAME.match(name):
            return None
        pages = (folder / f"{name}.md" for folder in self._folders)
        return next((page for page in pages if page.is_file()), None)

    def text(self, name: str) -> str:
        """Markdown. Raise ConfigError where there is no such page, or it cannot be read."""
        page = self.path(name)
        if page is None:
            raise ConfigError(f"there is no runbook {name!r}", hint="`fleawatch runbook --list`")
        try:
            return page.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{page} cannot be read: {exc}") from None

    def steps(self, name: str) -> list[str]:
        """What to check first, a few words each: the bold beginnings of the list below `## Check first`."""
        page = self.path(name)
        if page is None:
            return []
        section = _FIRST.search(self.text(name))
        return [" ".join(step.split()) for step in _STEP.findall(section[1])] if section else []

    def link(self, name: str) -> str:
        """The page's URL; "" where no base is set."""
        if not self._url or not _NAME.match(name):
            return ""
        return (
            self._url.replace("{name}", quote(name))
            if "{name}" in self._url
            else f"{self._url.rstrip('/')}/{quote(name)}"
        )

    def where(self, name: str) -> str:
        """For a message: the URL, else the command that shows the page."""
        return self.link(name) or f"fleawatch runbook {name}"
