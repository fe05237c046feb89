"""Every alert names a runbook: it is there and names the rule, what it tells people to type exists, the wheel has it."""

import re
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hatchling.builders.wheel import WheelBuilder

from fleawatch.cli import fleawatch
from fleawatch.core.rules import DEFAULTS, Rule
from fleawatch.errors import ConfigError
from fleawatch.runbooks.pages import Runbooks
from fleawatch.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(path.stem for path in RUNBOOKS.glob("*.md"))
SECTIONS = ["What it means", "Check first", "Do", "When it is a false alarm", "Afterwards"]
SUPERVISORS = ("pm2 ", "docker ", "kubectl ")


@pytest.mark.parametrize(
    "rule",
    [rule for field in fields(DEFAULTS) if isinstance(rule := getattr(DEFAULTS, field.name), Rule)],
    ids=lambda rule: rule.name,
)
def test_each_rules_runbook_exists_and_names_it(rule: Rule) -> None:
    assert f"`{rule.name}`" in (RUNBOOKS / f"{rule.runbook}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_each_page_has_the_same_anatomy_and_steps_for_a_message(page: str) -> None:
    text = (RUNBOOKS / f"{page}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {page}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    steps = Runbooks().steps(page)
    assert 3 <= len(steps) <= 6
    assert all(len(step) < 60 and step[-1] in ".?" for step in steps)
    assert [word for word in SUPERVISORS if word in text] == list(SUPERVISORS)


def typed(text: str) -> Iterator[str]:
    """What a page says to type: code in its lines, and lines of a console, without their comments."""
    yield from re.findall(r"`(fleawatch [^`]+)`", text)
    for line in re.findall(r"^\$ (fleawatch .+)$", text, re.MULTILINE):
        yield line.partition(" #")[0].strip()


def mistake(line: str) -> str:
    """Why the command line would not take it; "" where it would."""
    words = shlex.split(line)[1:]
    command: click.Command = fleawatch
    context = click.Context(command, info_name="fleawatch")
    while isinstance(command, click.Group) and words != ["--help"]:
        name = words[0] if words else ""
        found = command.get_command(context, name)
        if found is not None:
            words.pop(0)
        elif (found := command.get_command(context, "start")) is None:  # `silence rule=…` is short for it
            return f"{name!r} is no command of {context.info_name}"
        command = found
        context = click.Context(command, info_name=name, parent=context)
    known = {option for parameter in command.params for option in parameter.opts}
    unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in known | {"--help"}]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("page", PAGES)
def test_what_it_says_to_type_exists(page: str) -> None:
    """Breaks when a command or an option is renamed, and a person at night types the old one."""
    lines = list(typed((RUNBOOKS / f"{page}.md").read_text(encoding="utf-8")))
    assert lines
    assert {line: why for line in lines if (why := mistake(line))} == {}


def test_the_check_itself_finds_what_does_not_exist() -> None:
    assert "no command" in mistake("fleawatch frobnicate AGENT")
    assert "no option --now" in mistake("fleawatch pause AGENT --now")
    assert not mistake('fleawatch silence rule=x --for 2h --reason "y"')


def test_the_wheel_has_every_page(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as found:
        names = set(found.namelist())
    assert {f"fleawatch/runbooks/{page}.md" for page in PAGES} <= names


def test_an_operators_own_page_stands_in_for_ours(tmp_path: Path) -> None:
    (tmp_path / "outflow.md").write_text("# outflow\n\n## Check first\n1. **Call\nBob.**\n", encoding="utf-8")
    (tmp_path / "our-own.md").write_text("# ours", encoding="utf-8")
    (tmp_path / "README.txt").write_text("no page", encoding="utf-8")
    pages = Runbooks.from_settings(Settings.load(runbooks_dir=tmp_path))
    assert pages.names() == sorted([*PAGES, "our-own"])
    assert pages.steps("outflow") == ["Call Bob."]
    assert "PM2" in pages.text("agent-stopped")
    with pytest.raises(ConfigError, match="is not a folder"):
        Runbooks.from_settings(Settings.load(runbooks_dir=tmp_path / "missing"))


@pytest.mark.parametrize("name", ["../README", "/etc/passwd", "", "a" * 65, "x\x00y", "UPPER"])
def test_a_name_never_leaves_the_folders(name: str, tmp_path: Path) -> None:
    """The name comes with an alert: whoever writes alerts must not read files by it, nor put links into messages."""
    pages = Runbooks(tmp_path, "https://wiki.example/")
    assert pages.path(name) is None
    assert pages.link(name) == ""
    assert pages.steps(name) == []


def test_links() -> None:
    assert Runbooks().where("outflow") == "fleawatch runbook outflow"
    assert Runbooks(url="https://wiki.example/ops/").link("outflow") == "https://wiki.example/ops/outflow"
    assert Runbooks(url="https://w.example/{name}.md").link("outflow") == "https://w.example/outflow.md"
    with pytest.raises(ConfigError, match="RUNBOOK_URL"):
        Settings.load(runbook_url="javascript:alert(1)")


def test_the_command_takes_a_page_or_a_rule() -> None:
    run = CliRunner().invoke
    assert run(fleawatch, ["runbook", "outflow"]).output.startswith("# outflow")
    assert run(fleawatch, ["runbook", "wiped_out"]).output.startswith("# drawdown-exceeded")
    assert "drawdown_warning" in run(fleawatch, ["runbook", "--list"]).output
    assert isinstance(run(fleawatch, ["runbook", "nothing"]).exception, ConfigError)
