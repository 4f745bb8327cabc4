"""In what order Argo CD applies what migrations need: nothing waits for what comes after it."""

from collections.abc import Iterator

import pytest

from tests.deploy.manifests import OVERLAYS, Manifest, labels_of, name_of, of_kind, overlay

every_overlay = pytest.mark.parametrize("name", OVERLAYS)

WAVE = "argocd.argoproj.io/sync-wave"
FIRST = "migrate"

# Words whose value is the name of another object, and words under which it stands as `name`.
NAMED = {"serviceAccountName": "ServiceAccount", "barmanObjectName": "ObjectStore", "namespace": "Namespace"}
NAMED_WITHIN = {
    **dict.fromkeys(("secretRef", "secret", "passwordSecret", "externalSecret", "secretTargetRef"), "Secret"),
    **dict.fromkeys(("accessKeyId", "secretAccessKey"), "Secret"),
    "cluster": "Cluster",
}


def wave(manifest: Manifest) -> int:
    return int(manifest["metadata"].get("annotations", {}).get(WAVE, "0"))


def named_by(value: object, under: str = "") -> Iterator[str]:
    """Give `kind/name` of every object that a part of a manifest refers to."""
    if isinstance(value, list):
        for one in value:
            yield from named_by(one, under)
    elif isinstance(value, dict):
        if under in NAMED_WITHIN and "name" in value:
            yield f"{NAMED_WITHIN[under]}/{value['name']}"
        for key, inner in value.items():
            if key in NAMED and isinstance(inner, str):
                yield f"{NAMED[key]}/{inner}"
            yield from named_by(inner, key)


def made_by(manifest: Manifest) -> str:
    """Return `kind/name` of what others refer to: an ExternalSecret stands for the Secret that it makes."""
    if manifest["kind"] == "ExternalSecret":
        return f"Secret/{manifest['spec']['target']['name']}"
    return name_of(manifest)


def pairs(name: str) -> dict[tuple[str, str], tuple[int, int]]:
    """Whoever names something of the first phase, and what it names → the waves of both."""
    first = {made_by(one): wave(one) for one in overlay(name) if labels_of(one).get("chartrier/phase") == FIRST}
    return {
        (name_of(manifest), named): (wave(manifest), first[named])
        for manifest in overlay(name)
        for named in named_by(manifest)
        if named in first
    }


@every_overlay
def test_what_the_first_phase_holds_is_there_before_whoever_names_it(name: str) -> None:
    late = {pair: waves for pair, waves in pairs(name).items() if waves[1] > waves[0]}

    assert late == {}


def test_the_references_are_seen() -> None:
    seen = pairs("production").keys()

    assert seen >= {
        ("Job/migrate", "ServiceAccount/migrate"),
        ("Job/migrate", "Secret/migrate-secrets"),
        ("Cluster/chartrier-db", "ObjectStore/chartrier-backups"),
        ("Cluster/chartrier-db", "Secret/db-owner"),
        ("Cluster/chartrier-db", "Secret/db-admin"),
        ("ObjectStore/chartrier-backups", "Secret/db-backups"),
        ("RabbitmqCluster/chartrier-broker", "Secret/broker-user"),
        ("ExternalSecret/db-owner", "Namespace/chartrier"),
        ("ScheduledBackup/chartrier-nightly", "Cluster/chartrier-db"),
    }


@every_overlay
def test_the_database_is_there_before_the_migration_and_the_migration_before_the_rooms(name: str) -> None:
    waves = {kind: {wave(one) for one in of_kind(overlay(name), kind)} for kind in ("Cluster", "Job", "Deployment")}

    assert max(waves["Cluster"]) < min(waves["Job"])
    assert max(waves["Job"]) < min(waves["Deployment"])
