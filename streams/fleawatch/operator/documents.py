"""YAML files that people edit: read without surprises, and every mistake is said with its line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from fleawatch.errors import ConfigError

_DEEPEST = 8
_MOST_SHOWN = 20
_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
Place = tuple[str, ...]


class Mistake(NamedTuple):
    """`place` leads from the top of the file to the field."""

    place: Place
    value: object
    expected: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file's top mapping, and on which line each key and each item of a list stands."""

    path: Path
    content: dict[str, Any]
    lines: dict[Place, int]

    def section(self, name: str) -> dict[str, Any]:
        """A mapping at the top; empty where it is absent.

        Raises:
            ConfigError: it is no mapping.
        """
        value = self.content.get(name)
        if isinstance(value, dict):
            return value
        if value is not None:
            self.refuse([Mistake((name,), value, "a mapping")])
        return {}

    def refuse(self, mistakes: Sequence[Mistake]) -> None:
        """Raise a ConfigError that lists the mistakes, if there are any."""
        if not mistakes:
            return
        ordered = sorted(mistakes, key=lambda mistake: self.line(mistake.place))
        told = [self.told(mistake) for mistake in ordered[:_MOST_SHOWN]]
        if len(ordered) > _MOST_SHOWN:
            told.append(f"and {len(ordered) - _MOST_SHOWN} more")
        raise ConfigError("nothing was changed:\n  " + "\n  ".join(told))

    def line(self, place: Place) -> int:
        """Of the place, or of the nearest thing around it."""
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return 1

    def told(self, mistake: Mistake) -> str:
        """A mistake in one line."""
        shown = f"{mistake.value:g}" if isinstance(mistake.value, float) else f"{mistake.value!r:.80}"
        got = "" if mistake.value is None else f"got {shown}, "
        return f"{self.path}:{self.line(mistake.place)}: {'.'.join(mistake.place)}: {got}expected {mistake.expected}"


def read(path: Path) -> Document:
    """Read a file by the safe loader. A key that occurs twice is refused: YAML readers would keep the last.

    Raises:
        ConfigError: it cannot be read, is no YAML, or its top is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror or exc}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8") from None
    loader = yaml.SafeLoader(text)
    lines: dict[Place, int] = {}
    try:
        node = loader.get_single_node()
        content = {} if node is None else _value(loader, node, (), lines, path)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        raise ConfigError(f"{path}:{mark.line + 1 if mark else 1}: no YAML: {exc.problem}") from None
    except yaml.YAMLError as exc:
        raise ConfigError(f"{path}: no YAML: {exc}") from None
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise ConfigError(f"{path}:1: got {content!r:.80}, expected a mapping")
    return Document(path, content, lines)


def _value(
    loader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int], path: Path
) -> Any:
    line = node.start_mark.line + 1
    if len(place) > _DEEPEST:
        raise ConfigError(f"{path}:{line}: nested more than {_DEEPEST} deep")
    if isinstance(node, yaml.CollectionNode) and node.tag not in _PLAIN:
        raise ConfigError(f"{path}:{line}: no YAML of ours: the tag {node.tag!r:.80}")
    if isinstance(node, yaml.SequenceNode):
        lines |= {(*place, str(at)): item.start_mark.line + 1 for at, item in enumerate(node.value)}
        return [_value(loader, item, (*place, str(at)), lines, path) for at, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise ConfigError(f"{path}:{line}: the key {key!r:.80} is not text: put it in quotes")
        inside = (*place, key)
        if key in found:
            raise ConfigError(
                f"{path}:{line}: {'.'.join(inside)} occurs twice, first on line {lines[inside]}"
            )
        lines[inside] = line
        found[key] = _value(loader, value_node, inside, lines, path)
    return found
