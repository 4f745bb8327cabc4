"""What docs/operations.md has an operator write is taken by kustomize and by a shell, and names what there is."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.manifests import K8S, OVERLAYS, ROOT, kustomized, name_of, of_kind, overlay
from tests.deploy.test_kubernetes import faults

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = [(found[1], found[2]) for found in re.finditer(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
SHELL = [text for language, text in BLOCKS if language == "sh"]
DIGEST = "sha256:" + "0" * 64


def yaml_block(beginning: str) -> str:
    (found,) = (text for language, text in BLOCKS if language == "yaml" and text.startswith(beginning))
    return found


def test_the_overlay_of_one_s_own_builds_and_says_what_it_is_meant_to(tmp_path: Path) -> None:
    text = yaml_block("# my-overlay/kustomization.yaml").replace("sha256:…", DIGEST)
    here = os.path.relpath(K8S / "overlays" / "production", tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        text.replace("../chartrier/deploy/k8s/overlays/production", here), encoding="utf-8"
    )
    manifests = kustomized(tmp_path)
    (front,) = of_kind(manifests, "Ingress")
    origins = {one.get("data", {}).get("CHARTRIER_BASE_URL") for one in of_kind(manifests, "ConfigMap")} - {None}
    images = {
        one["spec"]["template"]["spec"]["containers"][0]["image"]
        for one in of_kind(manifests, "Deployment", "Job")
        if one["metadata"]["name"] != "clamav"
    }

    assert faults(manifests) == []
    assert images == {f"registry.my-town.example/chartrier@{DIGEST}"}
    assert origins == {f"https://{front['spec']['rules'][0]['host']}"} == {"https://archive.my-town.example"}


def test_the_cluster_made_again_from_its_backups_is_valid() -> None:
    (cluster,) = of_kind(overlay("production"), "Cluster")
    restored = {**cluster, "spec": cluster["spec"] | yaml.safe_load(yaml_block("bootstrap:"))}
    (plugin,) = restored["spec"]["plugins"]
    (source,) = restored["spec"]["externalClusters"]

    assert faults([restored]) == []
    assert source["name"] == restored["spec"]["bootstrap"]["recovery"]["source"]
    assert source["plugin"]["parameters"]["serverName"] == cluster["metadata"]["name"]
    assert plugin["parameters"]["serverName"] != cluster["metadata"]["name"]


@pytest.mark.parametrize("text", SHELL, ids=[text.splitlines()[0][:50] for text in SHELL])
def test_a_shell_understands_every_command(text: str) -> None:
    done = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_every_object_that_a_command_names_is_made() -> None:
    made = {name_of(manifest).lower() for manifest in overlay("production")}
    named = re.findall(r"\b(cluster|job|deploy|scaledobject)[/ ]([a-z]+-[a-z-]+|migrate)\b", "\n".join(SHELL))

    assert len(named) >= 4
    for kind, name in named:
        assert f"{kind.replace('deploy', 'deployment')}/{name}" in made


def test_every_label_that_a_command_selects_by_is_carried() -> None:
    selectors = set(re.findall(r"-l ([\w./]+)=(\w+)", PAGE))
    carried = {
        label
        for name in OVERLAYS
        for manifest in overlay(name)
        for label in manifest["metadata"].get("labels", {}).items()
    }

    assert selectors
    assert selectors <= carried
