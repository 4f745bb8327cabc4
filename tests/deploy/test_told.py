"""What rooms are told: only what is a setting of theirs, all that they need, and secrets by Secrets alone."""

import base64
import importlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic_settings import BaseSettings

from services.__main__ import MigrationSettings
from shared.database.engine import role_of
from shared.object_store.opening import open_store
from shared.rooms import ROOMS
from shared.settings import RoomSettings
from tests.deploy.manifests import K8S, OVERLAYS, Manifest, containers, name_of, of_kind, overlay, pod_of, pods

every_overlay = pytest.mark.parametrize("name", OVERLAYS)
every_room = pytest.mark.parametrize("room", ROOMS)

PREFIX = "CHARTRIER_"
URLS = "CHARTRIER_ROOM_URLS"
LARGEST = "CHARTRIER_MAX_SIP_BYTES"
# Those whose values hold a password or a key, beside those whose type says so.
SECRETS = {"CHARTRIER_STAGING_URL", "CHARTRIER_SITES", "CHARTRIER_TSA"}
# Told by whoever issues certificates.
OF_THE_PLATFORM = {"front-door-tls"}


def own_settings(room: str) -> type[BaseSettings]:
    """Return the settings class of a room's own."""
    module = importlib.import_module(f"services.{room}.settings")
    (found,) = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings) and kind is not BaseSettings
    )
    return found


def names(*kinds: type[BaseSettings]) -> set[str]:
    return {PREFIX + field.upper() for kind in kinds for field in kind.model_fields}


def secret(*kinds: type[BaseSettings]) -> set[str]:
    """Return the settings that no ConfigMap may hold."""
    typed = {
        PREFIX + name.upper()
        for kind in kinds
        for name, field in kind.model_fields.items()
        if "SecretStr" in repr(field.annotation)
    }
    return typed | SECRETS


def data_of(source: Manifest) -> dict[str, str]:
    """Return what a ConfigMap or a Secret holds, readable."""
    plain: dict[str, str] = source.get("data", {})
    if source["kind"] == "ConfigMap":
        return plain
    return {key: base64.b64decode(value).decode() for key, value in plain.items()}


def told(name: str, workload: Manifest) -> dict[str, str]:
    """Return the environment of a workload's container, as the kubelet would make it."""
    sources = {name_of(one): data_of(one) for one in of_kind(overlay(name), "ConfigMap", "Secret")}
    (container,) = containers(pod_of(workload))
    environment: dict[str, str] = {}
    for source in container["envFrom"]:
        ((kind, reference),) = source.items()
        environment |= sources[f"{'ConfigMap' if kind == 'configMapRef' else 'Secret'}/{reference['name']}"]
    return environment | {one["name"]: one["value"] for one in container.get("env", ())}


def workloads_of(name: str, room: str) -> Iterator[Manifest]:
    for deployment in of_kind(overlay(name), "Deployment"):
        if pod_of(deployment)["metadata"]["labels"].get("chartrier/room") == room:
            yield deployment


def settled(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, *kinds: type[Any]) -> list[Any]:
    """Read settings as a process of that environment would."""
    for variable in names(*kinds):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    return [kind() for kind in kinds]


# --- Rooms ----------------------------------------------------------------------------------------------------------


@every_room
def test_a_room_starts_with_what_it_is_told_and_is_told_nothing_that_it_does_not_read(
    room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_settings(room)
    for workload in workloads_of("dev", room):
        environment = told("dev", workload)
        settings, _ = settled(environment, monkeypatch, RoomSettings, own)
        address = urlsplit(settings.database_url.get_secret_value())

        assert environment.keys() <= names(RoomSettings, own)
        assert address.username == role_of(room)
        assert (address.hostname, address.port, address.path) == ("chartrier-db-rw", 5432, "/chartrier")
        assert settings.broker_url.get_secret_value().startswith("amqp://")
        assert (settings.host, settings.port) == ("0.0.0.0", 8000)  # noqa: S104


@every_overlay
def test_what_is_configured_in_the_clear_is_a_setting_and_no_secret(name: str) -> None:
    known = {room: names(RoomSettings, own_settings(room)) for room in ROOMS}
    for room in ROOMS:
        for workload in workloads_of(name, room):
            (container,) = containers(pod_of(workload))
            maps = {one["configMapRef"]["name"] for one in container["envFrom"] if "configMapRef" in one}
            clear = {one["name"] for one in container.get("env", ())}
            for source in of_kind(overlay(name), "ConfigMap"):
                clear |= source["data"].keys() if source["metadata"]["name"] in maps else set()
            assert clear <= known[room], name_of(workload)
            assert not clear & secret(RoomSettings, own_settings(room)), name_of(workload)


def test_the_kinds_of_settings_say_which_are_secret() -> None:
    known = secret(RoomSettings, MigrationSettings)

    assert known >= {"CHARTRIER_DATABASE_URL", "CHARTRIER_BROKER_URL", "CHARTRIER_INTERNAL_SECRET"}
    assert known >= {"CHARTRIER_INTERNAL_SECRETS_ALSO", "CHARTRIER_OWNER_DATABASE_URL"}
    assert "CHARTRIER_BASE_URL" not in known


def test_every_room_is_told_where_all_of_them_answer() -> None:
    ports = {
        service["metadata"]["name"]: [port["port"] for port in service["spec"]["ports"]]
        for service in of_kind(overlay("production"), "Service")
    }
    (shared,) = (one for one in of_kind(overlay("production"), "ConfigMap") if URLS in one.get("data", {}))
    urls = json.loads(shared["data"][URLS])

    assert urls.keys() == set(ROOMS)
    for room, url in urls.items():
        address = urlsplit(url)
        assert address.hostname == room.replace("_", "-") + "-api"
        assert address.port in ports[address.hostname]


def test_every_room_reads_the_same_secret_and_its_own_stores() -> None:
    shared = {told("dev", one)["CHARTRIER_INTERNAL_SECRET"] for room in ROOMS for one in workloads_of("dev", room)}
    with_staging = {
        room for room in ROOMS for one in workloads_of("dev", room) if "CHARTRIER_STAGING_URL" in told("dev", one)
    }
    with_sites = {
        room for room in ROOMS for one in workloads_of("dev", room) if "CHARTRIER_SITES" in told("dev", one)
    }

    assert len(shared) == 1
    assert with_staging == {"ingest", "storage", "access", "proof"}
    assert with_sites == {"storage"}
    for room in with_staging:
        for workload in workloads_of("dev", room):
            open_store(told("dev", workload)["CHARTRIER_STAGING_URL"])  # raises where it is no address of a store


@every_overlay
def test_a_worker_of_ingest_has_room_for_all_that_it_may_have_in_hand(name: str) -> None:
    (worker,) = (one for one in workloads_of(name, "ingest") if one["metadata"]["name"] == "ingest-worker")
    (settings,) = (one["data"] for one in of_kind(overlay(name), "ConfigMap") if LARGEST in one.get("data", {}))
    (volume,) = pod_of(worker)["spec"]["volumes"]
    claim = volume.get("ephemeral", {}).get("volumeClaimTemplate", {}).get("spec", {})
    size = claim["resources"]["requests"]["storage"] if claim else volume["emptyDir"]["sizeLimit"]
    # A deposit and the AIP made of it, and a twentieth for what a file system keeps.
    in_hand = 2 * int(settings[LARGEST]) * int(settings["CHARTRIER_INGEST_SLOTS"])

    assert int(size.removesuffix("Gi")) * 1024**3 >= in_hand * 1.05


def test_the_migration_is_told_the_owner_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = of_kind(overlay("dev"), "Job")
    environment = told("dev", job)
    (settings,) = settled(environment, monkeypatch, MigrationSettings)

    assert environment.keys() == names(MigrationSettings)
    assert urlsplit(settings.owner_database_url.get_secret_value()).username == "chartrier_owner"


def test_passwords_in_addresses_are_those_that_the_database_and_the_broker_are_given() -> None:
    (namespace,) = of_kind(overlay("dev"), "Namespace")
    secrets = {one["metadata"]["name"]: data_of(one) for one in of_kind(overlay("dev"), "Secret")}
    broker = secrets["broker-user"]
    for room in ROOMS:
        dashed = room.replace("_", "-")
        address = urlsplit(secrets[f"{dashed}-secrets"]["CHARTRIER_DATABASE_URL"])
        assert {"username": address.username, "password": address.password} == secrets[f"db-{dashed}"]
        spoken_to = urlsplit(secrets[f"{dashed}-secrets"]["CHARTRIER_BROKER_URL"])
        assert (spoken_to.username, spoken_to.password) == (broker["username"], broker["password"])
        assert (spoken_to.hostname, spoken_to.port) == ("chartrier-broker", 5672)
    # KEDA asks from a namespace of its own, where a short name is nobody's.
    watched = urlsplit(broker["connection_string"])
    assert (watched.username, watched.password) == (broker["username"], broker["password"])
    assert (watched.hostname, watched.port) == (f"chartrier-broker.{namespace['metadata']['name']}.svc", 5672)
    assert f"default_user = {broker['username']}" in broker["default_user.conf"]
    assert f"default_pass = {broker['password']}" in broker["default_user.conf"]


# --- Secrets --------------------------------------------------------------------------------------------------------


def asked_for(name: str) -> set[str]:
    """Every Secret that something of an overlay refers to."""
    found: set[str] = set()
    for _, pod in pods(overlay(name)):
        for container in containers(pod):
            found |= {one["secretRef"]["name"] for one in container.get("envFrom", ()) if "secretRef" in one}
        found |= {one["secret"]["secretName"] for one in pod["spec"]["volumes"] if "secret" in one}
    for cluster in of_kind(overlay(name), "Cluster"):
        found.add(cluster["spec"]["bootstrap"]["initdb"]["secret"]["name"])
        found |= {role["passwordSecret"]["name"] for role in cluster["spec"]["managed"]["roles"]}
    for broker in of_kind(overlay(name), "RabbitmqCluster"):
        found.add(broker["spec"]["secretBackend"]["externalSecret"]["name"])
    for one in of_kind(overlay(name), "TriggerAuthentication"):
        found |= {target["name"] for target in one["spec"]["secretTargetRef"]}
    for store in of_kind(overlay(name), "ObjectStore"):
        found |= {key["name"] for key in store["spec"]["configuration"]["s3Credentials"].values()}
    for front in of_kind(overlay(name), "Ingress"):
        found |= {tls["secretName"] for tls in front["spec"]["tls"]}
    return found - OF_THE_PLATFORM


def test_production_holds_no_secret_and_names_where_each_comes_from() -> None:
    provided = {one["spec"]["target"]["name"] for one in of_kind(overlay("production"), "ExternalSecret")}

    assert of_kind(overlay("production"), "Secret") == []
    assert provided == asked_for("production")


def test_the_examples_are_all_that_is_needed() -> None:
    provided = {one["metadata"]["name"] for one in of_kind(overlay("dev"), "Secret")}

    assert provided >= asked_for("dev")
    assert provided == asked_for("production")


def test_an_example_says_that_it_is_one() -> None:
    for file in sorted((K8S / "components" / "example-secrets").glob("*.env")):
        text = file.read_text(encoding="utf-8")
        assert text.startswith("# An example: every value here is public.\n"), file.name
        assert "example" in text.lower()
