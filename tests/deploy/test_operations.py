"""What docs/operations.md has an operator write is taken by kustomize and by a shell, and names what there is."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from services.__main__ import _parser
from tests.deploy.manifests import K8S, OVERLAYS, ROOT, Manifest, kustomized, name_of, of_kind, overlay
from tests.deploy.test_kubernetes import faults

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = [(found[1], found[2]) for found in re.finditer(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
SHELL = [text for language, text in BLOCKS if language == "sh"]
DIGEST = "sha256:" + "0" * 64


def yaml_block(beginning: str) -> str:
    (found,) = (text for language, text in BLOCKS if language == "yaml" and text.startswith(beginning))
    return found


def built(folder: Path, more_patches: str = "[]") -> list[Manifest]:
    """Build the page's overlay of one's own, with more patches of the page."""
    text = yaml_block("# my-overlay/kustomization.yaml\n").replace("sha256:…", DIGEST)
    here = os.path.relpath(K8S / "overlays" / "production", folder.resolve())
    words = yaml.safe_load(text.replace("../chartrier/deploy/k8s/overlays/production", here))
    words["patches"] += yaml.safe_load(more_patches)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(words, allow_unicode=True), encoding="utf-8")
    return kustomized(folder)


def test_the_overlay_of_one_s_own_builds_and_says_what_it_is_meant_to(tmp_path: Path) -> None:
    manifests = built(tmp_path)
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
    assert front["spec"]["tls"][0]["hosts"] == [front["spec"]["rules"][0]["host"]]
    # Without it Prometheus of kube-prometheus-stack reads nothing and says nothing.
    watched = of_kind(manifests, "ServiceMonitor", "PrometheusRule")
    assert {one["metadata"]["labels"]["release"] for one in watched} == {"kube-prometheus-stack"}


def test_prometheus_is_said_to_have_as_many_alarms_as_there_are() -> None:
    (rules,) = of_kind(overlay("production"), "PrometheusRule")
    alarms = [rule for group in rules["spec"]["groups"] for rule in group["rules"] if "alert" in rule]

    assert f"the first says {len(alarms)}," in PAGE


def test_the_certificate_that_the_front_door_names_is_made_by_a_command_of_the_page() -> None:
    (front,) = of_kind(overlay("production"), "Ingress")
    (named,) = front["spec"]["tls"]

    assert f"create secret tls {named['secretName']} " in "\n".join(SHELL)


def test_the_cluster_made_again_from_its_backups_is_valid(tmp_path: Path) -> None:
    (cluster,) = of_kind(overlay("production"), "Cluster")
    (restored,) = of_kind(built(tmp_path, yaml_block("# my-overlay/kustomization.yaml, under patches")), "Cluster")
    (plugin,) = restored["spec"]["plugins"]
    (source,) = restored["spec"]["externalClusters"]

    assert faults([restored]) == []
    assert restored["spec"]["bootstrap"].keys() == {"recovery"}
    assert restored["spec"]["bootstrap"]["recovery"]["secret"] == cluster["spec"]["bootstrap"]["initdb"]["secret"]
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


# --- Our own commands -----------------------------------------------------------------------------------------------

OURS = "python -m services "
PROSE = re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL)
# Words of the log that look like a command.
SAID_BY_LOGS = {"work failed", "work without progress"}
# What stands for an identifier, which work gives with its room.
AN_UUID = "0192f0c1-0000-7000-8000-000000000001"
AN_ID = {"dead-letters": AN_UUID, "work": "storage:6", "copies": AN_UUID, "sites": "site-b"}


def given() -> Iterator[str]:
    """Every command of ours that the page gives, after `python -m services`: in its blocks and its sentences."""
    for line in "\n".join(SHELL).replace("\\\n", " ").splitlines():
        if OURS in line:
            yield line.partition(OURS)[2].partition(" #")[0].strip()
    yield from re.findall(r"`python -m services (\w[^`]*)`", PROSE)
    yield from re.findall(r"`((?:config|copies|dead-letters|keys|sites|work) [^`]+)`", PROSE)


@pytest.mark.parametrize("text", sorted(set(given()) - SAID_BY_LOGS))
def test_a_command_of_ours_is_one_that_there_is(text: str) -> None:
    words = [AN_ID[text.split(maxsplit=1)[0]] if word == "ID" else word for word in shlex.split(text)]

    asked = _parser().parse_args(words)  # ends the process where it does not understand

    assert callable(asked.run)


def test_no_command_hides_from_these_tests_in_an_indented_block() -> None:
    assert re.findall(r"^\n((?: {4}\S.*\n)+)", PROSE, re.MULTILINE) == []
    assert {command.split()[0] for command in given()} >= {"dead-letters", "keys", "migrate", "version", "work"}
