"""What kustomize makes of deploy/k8s, as an operator's kubectl would apply it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
DASHBOARDS = ROOT / "deploy" / "grafana"

OVERLAYS = tuple(sorted(path.parent.name for path in (K8S / "overlays").glob("*/kustomization.yaml")))
COMPONENTS = tuple(sorted(path.parent.name for path in (K8S / "components").glob("*/kustomization.yaml")))

Manifest = dict[str, Any]


def kustomized(folder: Path) -> list[Manifest]:
    """Build a folder as `kubectl kustomize` does; an error of its own fails the test that asks."""
    kubectl = Path(sys.executable).parent / "kubectl"
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # kustomize warns of what it will not understand one day
    return [manifest for manifest in yaml.load_all(done.stdout, yaml.CSafeLoader) if manifest]


@cache
def overlay(name: str) -> list[Manifest]:
    """Return an overlay's manifests; they are shared, so nobody changes them."""
    return kustomized(K8S / "overlays" / name)


def composed(folder: Path, *components: str) -> list[Manifest]:
    """Build the base with some components, from a kustomization written in `folder`."""
    words = {
        "resources": [os.path.relpath(K8S / "base", folder.resolve())],
        "components": [os.path.relpath(K8S / "components" / name, folder.resolve()) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(words), encoding="utf-8")
    return kustomized(folder)


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Pick some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def name_of(manifest: Manifest) -> str:
    """Return kind and name, for messages."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def labels_of(manifest: Manifest) -> dict[str, str]:
    """Return an object's own labels."""
    return dict(manifest["metadata"].get("labels", {}))


def pod_of(workload: Manifest) -> Manifest:
    """Return the pod template of a Deployment or a Job."""
    template: Manifest = workload["spec"]["template"]
    return template


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Give every pod template that we write, by the name of its workload."""
    for workload in of_kind(manifests, "Deployment", "Job", "StatefulSet", "DaemonSet", "CronJob"):
        yield name_of(workload), pod_of(workload)


def containers(pod: Manifest) -> list[Manifest]:
    """Return all containers of a pod template."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Tell whether a LabelSelector (`matchLabels`, `matchExpressions` with In) takes these labels."""
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    for word in selector.get("matchExpressions", ()):
        assert word["operator"] == "In", "no other operator is used here"
        exact = exact and labels.get(word["key"]) in word["values"]
    return exact
