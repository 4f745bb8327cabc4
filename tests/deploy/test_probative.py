"""What is deployed to be believed is probative: it refuses to start until it was given a key and authorities."""

from pathlib import Path
from typing import Any

import pytest

from services.ingest.settings import IngestSettings
from services.proof.settings import ProofSettings
from shared.configuration import faults_of
from tests.deploy.manifests import Manifest, containers, of_kind, overlay, pod_of
from tests.deploy.probative import FOLDER, with_keys
from tests.deploy.test_compose import secrets as made_secrets
from tests.deploy.test_compose import service_of
from tests.deploy.test_compose import told as told_by_compose
from tests.deploy.test_told import workloads_of

secrets = made_secrets
PROBATIVE = "CHARTRIER_PROBATIVE"

OF_THE_OPERATOR = {
    "CHARTRIER_SIGNER_URL": f"pkcs12:{FOLDER}/seal.p12",
    "CHARTRIER_SIGNER_PASSWORD": "",
    "CHARTRIER_TSA": "["
    f'{{"name": "a", "url": "https://a.example.org", "policy": "1.2", "roots": "{FOLDER}/tsa-a.pem"}},'
    f'{{"name": "b", "url": "https://b.example.org", "policy": "1.2", "roots": "{FOLDER}/tsa-b.pem"}}]',
}
"""What the store of secrets has of proof in a cluster."""


def in_the_clear(name: str, workload: Manifest) -> dict[str, str]:
    maps = {one["metadata"]["name"]: one["data"] for one in of_kind(overlay(name), "ConfigMap")}
    (container,) = containers(pod_of(workload))
    told: dict[str, str] = {}
    for source in container["envFrom"]:
        told |= maps[source["configMapRef"]["name"]] if "configMapRef" in source else {}
    return told | {one["name"]: one["value"] for one in container.get("env", ())}


def test_a_new_installation_of_one_machine_waits_for_its_key_and_its_authorities(secrets: Path) -> None:
    faults = {one.place for one in faults_of((ProofSettings,), told_by_compose(service_of("proof"), secrets))}

    assert faults == {"CHARTRIER_SIGNER_URL", "CHARTRIER_TSA[0].roots", "CHARTRIER_TSA[1].roots"}


@pytest.mark.parametrize("room", ["proof", "ingest"])
def test_one_machine_is_probative(room: str, secrets: Path, tmp_path: Path) -> None:
    environment = told_by_compose(service_of(room), secrets)
    own: Any = ProofSettings if room == "proof" else IngestSettings

    assert environment[PROBATIVE] == "true"
    assert faults_of((own,), with_keys(environment, tmp_path)) == []


@pytest.mark.parametrize("room", ["proof", "ingest"])
def test_production_is_probative_and_a_trial_is_not(room: str, tmp_path: Path) -> None:
    own: Any = ProofSettings if room == "proof" else IngestSettings
    for workload in workloads_of("production", room):
        told = in_the_clear("production", workload) | {"CHARTRIER_STAGING_URL": "file:///staging"}

        assert told[PROBATIVE] == "true"
        if room == "proof":
            assert {one.place for one in faults_of((own,), told)} == {"CHARTRIER_SIGNER_URL", "CHARTRIER_TSA"}
            told |= OF_THE_OPERATOR
        assert faults_of((own,), with_keys(told, tmp_path)) == []
    for workload in workloads_of("dev", room):
        assert PROBATIVE not in in_the_clear("dev", workload)


def test_proof_alone_has_its_files_and_cannot_write_them() -> None:
    having = {}
    for workload in of_kind(overlay("production"), "Deployment"):
        spec = pod_of(workload)["spec"]
        given = {one["name"] for one in spec["volumes"] if one.get("secret", {}).get("secretName") == "proof-keys"}
        mounts = [one for one in spec["containers"][0]["volumeMounts"] if one["name"] in given]
        if mounts:
            having[workload["metadata"]["name"]] = mounts

    wanted = [{"name": "keys", "mountPath": FOLDER, "readOnly": True}]
    assert having == {"proof-api": wanted, "proof-worker": wanted}
