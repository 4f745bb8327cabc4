"""The database and the broker of a cluster are what one machine's are."""

import pytest

from services.local import postgres_roles
from shared.database.engine import role_of
from shared.rooms import ROOMS
from tests.deploy.manifests import OVERLAYS, of_kind, overlay

every_overlay = pytest.mark.parametrize("name", OVERLAYS)
ROLES = {role_of(room) for room in ROOMS}


@every_overlay
def test_roles_and_rights_are_those_that_one_machine_has(name: str) -> None:
    (cluster,) = of_kind(overlay(name), "Cluster")
    made = cluster["spec"]["bootstrap"]["initdb"]
    statements = made["postInitApplicationSQL"]
    granted = next(statement for statement in statements if statement.startswith("GRANT"))

    assert (made["database"], made["owner"]) == ("chartrier", postgres_roles.OWNER)
    assert {line.split()[2] for line in statements if line.startswith("CREATE ROLE")} == ROLES
    assert granted.startswith("GRANT CONNECT, TEMPORARY ON DATABASE chartrier TO ")
    assert set(granted.partition(" TO ")[2].split(", ")) == ROLES
    assert "REVOKE ALL ON DATABASE chartrier FROM PUBLIC" in statements
    assert "CREATE EXTENSION IF NOT EXISTS unaccent" in statements
    assert {role["name"] for role in cluster["spec"]["managed"]["roles"]} == ROLES
    assert all(role["login"] and not role.get("superuser") for role in cluster["spec"]["managed"]["roles"])


@every_overlay
def test_words_are_ordered_as_on_one_machine(name: str) -> None:
    (cluster,) = of_kind(overlay(name), "Cluster")
    made = cluster["spec"]["bootstrap"]["initdb"]

    assert made["encoding"] == "UTF8"
    assert (made["locale"], made["localeProvider"], made["builtinLocale"]) == ("C.UTF-8", "builtin", "C.UTF-8")


def test_in_production_a_commit_is_on_two_machines_and_backed_up() -> None:
    (cluster,) = of_kind(overlay("production"), "Cluster")
    (store,) = of_kind(overlay("production"), "ObjectStore")
    (nightly,) = of_kind(overlay("production"), "ScheduledBackup")
    (archiver,) = cluster["spec"]["plugins"]

    assert cluster["spec"]["instances"] >= 3
    assert cluster["spec"]["postgresql"]["synchronous"]["dataDurability"] == "required"
    assert archiver["isWALArchiver"]
    assert archiver["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert nightly["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert nightly["spec"]["pluginConfiguration"]["name"] == archiver["name"]


def test_in_production_the_broker_keeps_a_majority_when_a_node_leaves() -> None:
    (broker,) = of_kind(overlay("production"), "RabbitmqCluster")

    assert broker["spec"]["replicas"] >= 3
    assert broker["spec"]["replicas"] % 2 == 1
    assert (
        f"quorum_queue.initial_cluster_size = {broker['spec']['replicas']}"
        in broker["spec"]["rabbitmq"]["additionalConfig"]
    )
