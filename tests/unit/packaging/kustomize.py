"""The part of kustomize that k8s/base uses, so that its manifests are checked on machines without kubectl."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KNOWN = {"apiVersion", "kind", "namespace", "resources", "images"}
CLUSTER_WIDE = {"Namespace"}


def pod_spec(document: dict[str, Any]) -> dict[str, Any] | None:
    """The pod's specification of a workload, or None for what starts no pod."""
    template: dict[str, Any] | None = document.get("spec", {}).get("template")
    return template["spec"] if template else None


def _tag(spec: dict[str, Any], images: list[dict[str, str]]) -> None:
    for container in spec["containers"]:
        for image in images:
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def render(directory: Path) -> Iterator[dict[str, Any]]:
    """The documents that `kubectl kustomize` would print, in the order of `resources`.

    Raises:
        ValueError: the kustomization asks for something that is not done here.
    """
    wanted = yaml.safe_load((directory / "kustomization.yaml").read_text(encoding="utf-8"))
    if unknown := set(wanted) - KNOWN:
        raise ValueError(f"kustomization.yaml: this renderer does not know {sorted(unknown)}")
    for name in wanted["resources"]:
        for document in yaml.safe_load_all((directory / name).read_text(encoding="utf-8")):
            if document["kind"] not in CLUSTER_WIDE:
                document["metadata"]["namespace"] = wanted["namespace"]
            if spec := pod_spec(document):
                _tag(spec, wanted["images"])
            yield document
