"""docker-compose.yml beyond its schema (which `make manifests` checks): hardening, secrets, names that must exist elsewhere."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleawatch.alerting.defaults import DEFAULTS
from fleawatch.cli import COMMANDS
from fleawatch.notifiers.command import CHANNELS
from fleawatch.operator.routes_file import read_routes
from fleawatch.settings import PREFIX, Settings

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "kafka"}
each_of_ours = pytest.mark.parametrize("name", OURS)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"]
    assert not {"privileged", "pid", "network_mode", "cap_add", "devices"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


@each_of_ours
def test_our_roles_run_read_only_as_the_image_user(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["user"] in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    if "entrypoint" not in service:
        assert service["command"][0] in COMMANDS


@each_of_ours
def test_settings_exist_and_secrets_come_from_files(name: str) -> None:
    fields = {PREFIX + field.upper() for field in Settings.model_fields}
    secret_fields = {PREFIX + one for one in ("TELEGRAM_TOKEN", "SLACK_WEBHOOK", "SMS_URL", "APPRISE_URLS")}
    mounted = {f"/run/secrets/{secret}" for secret in OURS[name].get("secrets", ())}
    for variable, value in OURS[name]["environment"].items():
        assert variable.removesuffix("_FILE") in fields
        assert variable not in secret_fields
        if variable.endswith("_FILE"):
            assert value in mounted
    plain = {
        variable.removeprefix(PREFIX).lower(): re.sub(
            r"\$\{\w+:-([^}]*)\}", r"\1", value
        )  # as where it is not set
        for variable, value in OURS[name]["environment"].items()
        if not variable.endswith("_FILE")
    }
    Settings.load(**plain)


def test_two_workers_and_every_channel() -> None:
    assert OURS["worker"]["deploy"]["replicas"] == 2
    channels = {service["command"][1] for service in OURS.values() if service["command"][0] == "notify"}
    assert channels == {*CHANNELS, "ping"}


def test_those_who_tell_people_are_given_the_same_routes() -> None:
    """They decide by themselves: breaks when one would decide by other routes, or another clock, than the rest."""
    given = {
        name: (service["environment"]["FLEAWATCH_ROUTES"], service["environment"]["FLEAWATCH_TIME_ZONE"])
        for name, service in OURS.items()
        if service["command"][0] == "notify" and service["command"][1] in {*CHANNELS} - {"log"}
    }
    assert len(given) == len(CHANNELS) - 1
    ((path, zone),) = set(given.values())
    assert zone == "${TIME_ZONE:-UTC}"
    assert all(OURS[name]["configs"] == [{"source": "routes", "target": path}] for name in given)
    found = re.search(r":-(.+)\}", COMPOSE["configs"]["routes"]["file"])
    assert found is not None
    assert read_routes(ROOT / found[1]) == DEFAULTS


def test_sample_agents_are_there_on_request_only() -> None:
    assert {name for name, service in OURS.items() if service.get("profiles") == ["agents"]} == {
        "agent-1",
        "agent-2",
        "agent-3",
    }


def test_only_receivers_need_a_way_out() -> None:
    assert COMPOSE["networks"]["kafka"]["internal"] is True
    assert {name for name, service in OURS.items() if "outbound" in service["networks"]} == {
        "bot",
        "notify-apprise",
        "notify-ping",
        "notify-slack",
        "notify-sms",
        "notify-telegram",
    }


@each_of_ours
def test_nothing_starts_before_its_topics(name: str) -> None:
    if OURS[name]["command"] == ["topics", "create"]:
        assert OURS[name]["depends_on"]["kafka"]["condition"] == "service_healthy"
    else:
        assert OURS[name]["depends_on"]["topics"]["condition"] == "service_completed_successfully"
