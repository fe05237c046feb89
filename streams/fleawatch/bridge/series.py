"""Prometheus text: the value of one series. Only the lines that are asked for are parsed."""

from typing import Final

from prometheus_client.parser import text_string_to_metric_families

_AFTER_NAME: Final = ("{", " ", "\t")


class Unreadable(Exception):
    """Says what is wrong with a page; never quotes it."""


class Series:
    """`value(path)`: the path is a name, or a name with labels as in the text: `cash{account="main"}`."""

    def __init__(self, body: bytes, agent_id: str) -> None:
        self._lines = body.decode("utf-8", "replace").splitlines()
        self._agent_id = agent_id

    def value(self, path: str) -> float | None:
        """None where there is no such series.

        Of several that fit, the one whose label `agent_id` is the agent's.

        Raises:
            Unreadable: the line is not as the format wants it, or several series fit.
        """
        try:
            name, wanted, _ = _samples([f"{path} 0"])[0]
            lines = [
                line for line in self._lines if line.startswith(name) and line[len(name) :][:1] in _AFTER_NAME
            ]
            found = [
                (labels, value)
                for sample, labels, value in _samples(lines)
                if sample == name and wanted.items() <= labels.items()
            ]
        except (ValueError, IndexError):
            raise Unreadable(f"no Prometheus text at {path}") from None
        own = [one for one in found if one[0].get("agent_id") == self._agent_id]
        found = own or found
        if len(found) > 1:
            raise Unreadable(f"{len(found)} series fit {path}: name one by its labels")
        return found[0][1] if found else None


def _samples(lines: list[str]) -> list[tuple[str, dict[str, str], float]]:
    families = text_string_to_metric_families("\n".join(lines) + "\n")
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]
