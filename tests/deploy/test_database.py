"""The database and the broker of a cluster are what one machine's are."""

import re

import pytest

from services.local import postgres_roles
from shared.database.engine import role_of
from shared.rooms import ROOMS
from tests.deploy.manifests import OVERLAYS, Manifest, of_kind, overlay

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


@every_overlay
def test_the_broker_is_set_for_the_nodes_and_the_disk_that_it_has(name: str) -> None:
    (broker,) = of_kind(overlay(name), "RabbitmqCluster")
    lines = broker["spec"]["rabbitmq"]["additionalConfig"].splitlines()
    words = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}

    assert words["quorum_queue.initial_cluster_size"] == str(broker["spec"]["replicas"])
    # Below its limit of free disk the broker takes no message: most of the volume must be left to messages.
    assert size(words["disk_free_limit.absolute"]) * 4 < size(broker["spec"]["persistence"]["storage"])


def size(written: str) -> int:
    """Read a size as RabbitMQ (200MB) or as Kubernetes (2Gi) writes it, in bytes."""
    number, unit = re.fullmatch(r"(\d+)([MG](?:B|i))", written).groups()  # type: ignore[union-attr]  # else the test fails
    return int(number) * {"MB": 10**6, "GB": 10**9, "Mi": 2**20, "Gi": 2**30}[unit]


def secrets_of(name: str) -> dict[str, Manifest]:
    """Every Secret that there will be, with the labels it bears: ours, or what an ExternalSecret makes."""
    made = {one["metadata"]["name"]: one["metadata"] for one in of_kind(overlay(name), "Secret")}
    for one in of_kind(overlay(name), "ExternalSecret"):
        target = one["spec"]["target"]
        made[target["name"]] = target.get("template", {}).get("metadata", {})
    return made


@every_overlay
def test_the_database_heeds_a_password_that_is_changed_in_its_secret(name: str) -> None:
    (cluster,) = of_kind(overlay(name), "Cluster")
    named = {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    named.add(cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"])

    assert len(named) == len(ROOMS) + 1
    for secret in named:
        assert secrets_of(name)[secret].get("labels", {}).get("cnpg.io/reload") == "true", secret
