"""Every overlay and every component builds, and each manifest is one that its API would take, no field unknown."""

import json
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import referencing
import yaml

from tests.deploy.manifests import COMPONENTS, DASHBOARDS, OVERLAYS, Manifest, composed, name_of, overlay

VERSION = "1.31"
CRDS = Path(__file__).parent / "crds"

# What an operator that has KEDA does not list, and the reverse.
WITHOUT_KEDA = ("cloudnative-pg", "clamav", "hpa-api", "hpa-worker", "ingress", "prometheus", "rabbitmq")

# Of the API of Kubernetes itself: the others need a schema of ours.
OF_KUBERNETES = ("v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1")


def faults(manifests: list[Manifest]) -> list[str]:
    """Say what no API server would take, each with its place."""
    return [f"{name_of(manifest)}: {fault}" for manifest in manifests for fault in faults_of(json.dumps(manifest))]


@cache
def faults_of(written: str) -> tuple[str, ...]:
    """Judge one manifest; most are the same in every build, and judged once."""
    manifest: Manifest = json.loads(written)
    validator = validator_of(manifest["apiVersion"], manifest["kind"])
    if validator is None:
        return ("no schema in tests/deploy/crds describes it",)
    known = {"apiVersion", "kind", "metadata", "spec"}
    unknown = () if manifest["apiVersion"] in OF_KUBERNETES else tuple(sorted(manifest.keys() - known))
    errors = validator.iter_errors(manifest)
    return unknown + tuple(f"{'.'.join(str(step) for step in error.path)}: {error.message}" for error in errors)


@cache
def validator_of(api_version: str, kind: str) -> jsonschema.Draft202012Validator | None:
    """Return the strict schema of a kind: that of Kubernetes itself, or one of ours."""
    if api_version not in OF_KUBERNETES:
        return custom().get(f"{api_version}/{kind}")
    group, _, version = api_version.rpartition("/")
    name = "-".join(word for word in (kind.lower(), group.partition(".")[0], version) if word)
    schema = json.loads((schemas() / f"{name}.json").read_bytes())
    return jsonschema.Draft202012Validator(schema, registry=definitions())


def schemas() -> Path:
    """Return the folder of strict schemas that the package brings."""
    package = Path(kubernetes_validate.__file__).parent
    return package / "kubernetes-json-schema" / f"v{VERSION}.0-local-strict"


@cache
def definitions() -> referencing.Registry[object]:
    """Return what all these schemas refer to."""
    shared = referencing.Resource.from_contents(json.loads((schemas() / "_definitions.json").read_bytes()))
    # Its address is its own `$id`; found now, it is not looked for again at every reference.
    return (shared @ referencing.Registry()).crawl()


@cache
def custom() -> dict[str, jsonschema.Draft202012Validator]:
    """Our schemas of custom resources, by API version and kind."""
    ours = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CRDS.glob("*.yaml"))]
    for schema in ours:
        jsonschema.Draft202012Validator.check_schema(schema)
    return {schema["$id"]: jsonschema.Draft202012Validator(schema) for schema in ours}


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_valid(name: str) -> None:
    assert faults(overlay(name)) == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_valid_on_the_base_alone(name: str, tmp_path: Path) -> None:
    assert faults(composed(tmp_path, name)) == []


def test_all_that_does_without_keda_is_valid_together(tmp_path: Path) -> None:
    manifests = composed(tmp_path, *WITHOUT_KEDA)

    assert faults(manifests) == []
    assert not [manifest for manifest in manifests if manifest["kind"] == "ScaledObject"]


def test_every_schema_is_of_something_that_we_deploy() -> None:
    used = {f"{manifest['apiVersion']}/{manifest['kind']}" for name in OVERLAYS for manifest in overlay(name)}

    assert custom().keys() <= used


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_writes_each_object_once_and_in_its_own_namespace(name: str) -> None:
    names = [name_of(manifest) for manifest in overlay(name)]
    (namespace,) = (manifest for manifest in overlay(name) if manifest["kind"] == "Namespace")
    spaces = {manifest["metadata"].get("namespace") for manifest in overlay(name) if manifest is not namespace}

    assert len(set(names)) == len(names)
    assert spaces == {namespace["metadata"]["name"]}


def test_every_dashboard_is_brought_to_grafana() -> None:
    (brought,) = (one for one in overlay("production") if one["metadata"]["name"] == "chartrier-dashboards")

    assert brought.get("data", {}).keys() == {path.name for path in DASHBOARDS.glob("*.json")}
    assert brought["metadata"]["labels"]["grafana_dashboard"] == "1"


# --- The checks themselves see faults -----------------------------------------------------------------------------


def first(kind: str) -> Manifest:
    found: Manifest = next(manifest for manifest in overlay("production") if manifest["kind"].lower() == kind)
    return found


def test_a_misspelt_field_of_kubernetes_is_seen() -> None:
    deployment = first("deployment")
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 2}}

    assert "replica" in faults([wrong])[0]


@pytest.mark.parametrize("kind", [path.stem for path in sorted(CRDS.glob("*.yaml"))])
def test_a_misspelt_field_of_a_custom_resource_is_seen(kind: str) -> None:
    resource = first(kind)
    wrong = {**resource, "spec": {**resource["spec"], "replicaz": 2}}

    assert "replicaz" in faults([wrong])[0]


def test_a_resource_that_nobody_described_is_seen() -> None:
    assert faults([{"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x"}}])
