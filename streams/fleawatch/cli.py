"""The command line. Each area keeps its commands beside its code; this file only names them, and loads them when called."""

import importlib
import sys

import click

from fleawatch import __version__
from fleawatch.errors import ConfigError, FleawatchError
from fleawatch.top.draw import shown

COMMANDS = {  # name → (module, attribute, extra that brings what it needs, one line of help)
    "ack": ("fleawatch.operator.ack_command", "ack", "worker", "Say that you look after alerts."),
    "agents": (
        "fleawatch.operator.agents_command",
        "agents",
        "worker",
        "The registry of agents: apply a file, show, retire.",
    ),
    "alerts": (
        "fleawatch.operator.alerts_command",
        "alerts",
        "worker",
        "Open alerts, or their history: who looks after each, what silences it.",
    ),
    "bot": (
        "fleawatch.bot.command",
        "bot",
        "notify",
        "Listen to Telegram: buttons under alerts, /status and other commands.",
    ),
    "bridge": (
        "fleawatch.bridge.command",
        "bridge",
        "bridge",
        "Poll agents that cannot emit, and emit for them.",
    ),
    "broker": (
        "fleawatch.local.commands",
        "broker",
        "local",
        "Start, stop or show a Kafka broker on this machine.",
    ),
    "demo": (
        "fleawatch.local.demo.command",
        "demo",
        "local",
        "Run everything on this machine: broker, workers, sample agents.",
    ),
    "dlq": (
        "fleawatch.operator.dlq_command",
        "dlq",
        "worker",
        "What could not be used, and why; send it again after a fix.",
    ),
    "doctor": (
        "fleawatch.doctor.command",
        "doctor",
        "worker",
        "Is the fleet watched? Broker, workers, channels, and each agent's protection.",
    ),
    "flatten": (
        "fleawatch.operator.control_command",
        "flatten",
        "worker",
        "Order an agent to close all positions, once.",
    ),
    "flow": (
        "fleawatch.operator.account_command",
        "flow",
        "worker",
        "Deposits and withdrawals that the monitor cannot know of.",
    ),
    "keys": (
        "fleawatch.operator.keys_command",
        "keys",
        "signed",
        "The keys by which agents know who may command them.",
    ),
    "kill": (
        "fleawatch.operator.control_command",
        "kill",
        "worker",
        "Order an agent to trade nothing more until a person resumes it.",
    ),
    "init": (
        "fleawatch.init.command",
        "init",
        "notify",
        "First set-up by questions: Kafka, Telegram, Slack; tries each answer.",
    ),
    "maintenance": (
        "fleawatch.operator.silence_command",
        "maintenance",
        "worker",
        "A planned stop: nobody is called for silent agents, and who has not come back is reported.",
    ),
    "notify": (
        "fleawatch.notifiers.command",
        "notify",
        "notify",
        "Deliver alerts to one channel: telegram, slack or log.",
    ),
    "pause": (
        "fleawatch.operator.control_command",
        "pause",
        "worker",
        "Order an agent to open nothing more, and wait until it confirms.",
    ),
    "report": (
        "fleawatch.report.command",
        "report",
        "worker",
        "One agent's figures and attribution: table, JSON, CSV or HTML.",
    ),
    "resume": (
        "fleawatch.operator.control_command",
        "resume",
        "worker",
        "Let a paused or killed agent trade again.",
    ),
    "routes": (
        "fleawatch.operator.routes_command",
        "routes",
        "notify",
        "Where alerts go: check a file of routes, ask what would become of an alert.",
    ),
    "rules": (
        "fleawatch.operator.rules_command",
        "rules",
        "worker",
        "What fires when: check a file, apply it, show what holds.",
    ),
    "runbook": (
        "fleawatch.runbooks.command",
        "runbook",
        "worker",
        "What to do about an alert.",
    ),
    "silence": (
        "fleawatch.operator.silence_command",
        "silences",
        "worker",
        "Keep alerts quiet for a while.",
    ),
    "top": (
        "fleawatch.top.command",
        "top",
        "worker",
        "The fleet at a glance, live: state, equity, drawdown, alerts.",
    ),
    "topics": ("fleawatch.local.topics_command", "topics", "worker", "Create the topics or check them."),
    "worker": ("fleawatch.agents.command", "worker", "worker", "Run the monitor (a Faust worker)."),
}


class LazyGroup(click.Group):
    """Imports a command when it is used: `fleawatch --help` starts fast and needs no extra."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, attribute, extra, _ = COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as exc:
            if (exc.name or "").startswith("fleawatch"):
                raise
            raise ConfigError(
                f"`fleawatch {cmd_name}` needs the package {exc.name!r}",
                hint=f"pip install 'fleawatch[{extra}]'",
            ) from exc
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][3]) for name in sorted(COMMANDS)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def fleawatch() -> None:
    """Watch a fleet of trading agents: events in, metrics, anomalies and alerts out."""


def main() -> None:
    """Entry point: an error of ours is one line and a hint, never a traceback."""
    try:
        fleawatch(prog_name="fleawatch")
    except FleawatchError as exc:
        click.echo(f"fleawatch: {_shown(str(exc))}", err=True)
        if exc.hint:
            click.echo(f"  hint: {_shown(exc.hint)}", err=True)
        sys.exit(2 if isinstance(exc, ConfigError) else 1)


def _shown(text: str) -> str:
    """An error can quote what somebody sent."""
    return "\n".join(map(shown, text.split("\n")))


if __name__ == "__main__":
    main()
