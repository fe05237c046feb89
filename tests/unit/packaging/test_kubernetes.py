"""k8s/base against the Kubernetes schemas, and against what Pod Security "restricted" and this project's rules ask."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate.utils import ValidationError, validate

from fleawatch.alerting.defaults import DEFAULTS
from fleawatch.cli import COMMANDS
from fleawatch.notifiers.command import CHANNELS
from fleawatch.operator.routes_file import read_routes
from fleawatch.settings import PREFIX, Settings
from unit.packaging.kustomize import pod_spec, render

ROOT = Path(__file__).parents[3]
BASE = ROOT / "k8s" / "base"
DOCUMENTS = list(render(BASE))
NAMES = [f"{document['kind']}/{document['metadata']['name']}" for document in DOCUMENTS]
WORKLOADS = [document for document in DOCUMENTS if pod_spec(document)]
WORKLOAD_NAMES = [document["metadata"]["name"] for document in WORKLOADS]
each_workload = pytest.mark.parametrize("workload", WORKLOADS, ids=WORKLOAD_NAMES)


def _labels_of_pods(workload: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def _covered(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


@pytest.mark.parametrize("version", ["1.30", "1.34"])
@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_fits_the_schema_and_has_no_unknown_field(document: dict[str, Any], version: str) -> None:
    validate(document, version, strict=True)


def test_a_misspelt_field_would_be_seen() -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dataa": {}}
    with pytest.raises(ValidationError):
        validate(document, "1.30", strict=True)


def test_every_manifest_is_listed() -> None:
    listed = set(yaml.safe_load((BASE / "kustomization.yaml").read_text(encoding="utf-8"))["resources"])
    assert {file.name for file in BASE.glob("*.yaml")} == listed | {"kustomization.yaml"}


@pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("kubectl"), reason="no kubectl on this machine"
)
def test_the_renderer_agrees_with_kubectl() -> None:
    printed = subprocess.run(
        ["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, timeout=60, check=True
    )
    theirs = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(printed.stdout)}
    assert theirs == {(d["kind"], d["metadata"]["name"]): d for d in DOCUMENTS}


@each_workload
def test_pod_is_restricted(workload: dict[str, Any]) -> None:
    spec = pod_spec(workload)
    assert spec is not None
    pod = spec["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] >= 10000
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert all({"emptyDir", "secret", "configMap"} & set(volume) for volume in spec["volumes"])
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert (
            {"cpu", "memory"}
            == set(container["resources"]["limits"])
            == set(container["resources"]["requests"])
        )


def test_the_namespace_enforces_it() -> None:
    namespace = next(document for document in DOCUMENTS if document["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@each_workload
def test_command_and_settings_exist(workload: dict[str, Any]) -> None:
    """A role or a variable that was renamed would otherwise only fail in the cluster."""
    spec = pod_spec(workload)
    assert spec is not None
    fields = {PREFIX + name.upper() for name in Settings.model_fields}
    for container in spec["containers"]:
        assert container["args"][0] in COMMANDS
        for variable in container.get("env", ()):
            assert variable["name"].removesuffix("_FILE") in fields


def test_there_is_a_notifier_for_every_channel_and_for_the_dead_mans_switch() -> None:
    assert {name.removeprefix("notifier-") for name in WORKLOAD_NAMES if name.startswith("notifier-")} == {
        *CHANNELS, "ping"
    }  # fmt: skip


@pytest.mark.parametrize("channel", [name for name in CHANNELS if name != "log"])
def test_those_who_tell_people_are_given_the_same_routes(channel: str, tmp_path: Path) -> None:
    """They decide by themselves: breaks when one would decide by other routes than the rest."""
    workload = next(one for one in WORKLOADS if one["metadata"]["name"] == f"notifier-{channel}")
    spec = pod_spec(workload)
    assert spec is not None
    (container,) = spec["containers"]
    path = next(one["value"] for one in container["env"] if one["name"] == "FLEAWATCH_ROUTES")
    mount = next(one for one in container["volumeMounts"] if one["mountPath"] == str(Path(path).parent))
    volume = next(one for one in spec["volumes"] if one["name"] == mount["name"])
    found = next(
        one for one in DOCUMENTS
        if one["kind"] == "ConfigMap" and one["metadata"]["name"] == volume["configMap"]["name"]
    )  # fmt: skip
    file = tmp_path / "routes.yaml"
    file.write_text(found["data"][Path(path).name], encoding="utf-8")
    assert read_routes(file) == DEFAULTS


def test_settings_map_names_settings_and_holds_no_secret() -> None:
    settings = next(one for one in DOCUMENTS if one["metadata"]["name"] == "fleawatch-settings")["data"]
    values = {name.removeprefix(PREFIX).lower(): value for name, value in settings.items()}
    assert Settings.load(**values).bootstrap_servers
    assert not any("token" in name or "webhook" in name for name in values)
    assert not any(document["kind"] == "Secret" for document in DOCUMENTS)


def test_policies_deny_first_and_then_allow_what_is_labelled() -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in DOCUMENTS if d["kind"] == "NetworkPolicy"}
    deny = policies.pop("default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        assert any(_covered(policy["podSelector"], _labels_of_pods(workload)) for workload in WORKLOADS), name
    can_leave = {
        w["metadata"]["name"]
        for w in WORKLOADS
        if _covered(policies["receivers"]["podSelector"], _labels_of_pods(w))
    }
    assert can_leave == {
        "bot", "notifier-apprise", "notifier-ping", "notifier-slack", "notifier-sms", "notifier-telegram"
    }  # fmt: skip
    assert all(
        _covered(policies["kafka"]["podSelector"], _labels_of_pods(workload)) for workload in WORKLOADS
    )


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
def test_selectors_find_the_workers(kind: str) -> None:
    selector = next(document for document in DOCUMENTS if document["kind"] == kind)["spec"]["selector"]
    labels = selector.get("matchLabels", selector)
    assert [w["metadata"]["name"] for w in WORKLOADS if labels.items() <= _labels_of_pods(w).items()] == [
        "worker"
    ]


def test_workers_outlive_their_shutdown_and_are_probed() -> None:
    worker = next(workload for workload in WORKLOADS if workload["metadata"]["name"] == "worker")
    spec = pod_spec(worker)
    assert spec is not None
    assert spec["terminationGracePeriodSeconds"] > 30  # the longest orderly stop
    (container,) = spec["containers"]
    assert container["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert spec["topologySpreadConstraints"]
