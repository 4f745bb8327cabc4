"""The archive on one machine: the file is sound, its services as tight as in a cluster and told what they need."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from services.__main__ import MigrationSettings
from services.local.settings import room_environment
from shared.database.engine import role_of
from shared.messaging.workers import RELEASE_SECONDS
from shared.rooms import ROOMS
from shared.serving import SHUTDOWN_SECONDS
from shared.settings import RoomSettings
from tests.deploy.manifests import ROOT
from tests.deploy.probative import with_keys
from tests.deploy.test_pods import MARGIN_SECONDS, UID
from tests.deploy.test_told import names, own_settings, settled

DEPLOY = ROOT / "deploy"
SECRETS = "compose/secrets/"  # pragma: allowlist secret
OPERATOR = {
    "IMAGE": "ghcr.io/example/chartrier:0.1.0",
    "DOMAIN": "archive.example.org",
    "STAGING": "/srv/staging",
    "KEYS": "/srv/keys",
    "TIME_SOURCES": '["ntp-a.example.org", "ntp-b.example.org"]',
    "SITE_A": "/srv/a",
    "SITE_B": "/srv/b",
    "CERTIFICATES": "/srv/certificates",
}

Service = dict[str, Any]


@cache
def compose() -> dict[str, Any]:
    """Read the file as Compose does: what its .env says is put in."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda found: OPERATOR[found[1]], text)
    read: dict[str, Any] = yaml.safe_load(filled)
    return read


def services() -> dict[str, Service]:
    found: dict[str, Service] = compose()["services"]
    return found


def service_of(room: str) -> Service:
    return services()[room.replace("_", "-")]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the operator's one command makes."""
    folder = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run([DEPLOY / "compose" / "make-secrets", folder], check=True, capture_output=True)
    return folder


def variables(file: Path) -> dict[str, str]:
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def told(service: Mapping[str, Any], secrets: Path) -> dict[str, str]:
    """Return a service's environment: its files in their order, then what is written in place."""
    environment: dict[str, str] = {}
    for file in service.get("env_file", ()):
        place = secrets / file.removeprefix(SECRETS) if file.startswith(SECRETS) else DEPLOY / file
        environment |= variables(place)
    in_place: dict[str, str] = service.get("environment", {})
    return environment | in_place


# --- The file -------------------------------------------------------------------------------------------------------


def test_it_is_as_the_specification_says() -> None:
    schema = yaml.safe_load((ROOT / "tests" / "deploy" / "compose.schema.yaml").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(compose())

    assert [f"{'.'.join(str(step) for step in error.path)}: {error.message}" for error in errors] == []


def test_what_services_name_is_declared() -> None:
    for name, service in services().items():
        assert set(service["networks"]) <= compose()["networks"].keys(), name
        assert service.get("depends_on", {}).keys() <= services().keys(), name
        for volume in service.get("volumes", ()):
            if volume["type"] == "volume":
                assert volume["source"] in compose()["volumes"], name
            elif volume["source"].startswith("./"):
                assert (DEPLOY / volume["source"]).exists(), name


def test_every_service_is_as_tight_as_in_a_cluster() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "front" else []), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"] not in {"root", "0", "0:0"}, name
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert any(place.startswith("/tmp") for place in service["tmpfs"]), name  # noqa: S108
        tag = service["image"].rpartition(":")[2]
        assert tag, name
        assert not tag.startswith("latest"), name


def test_only_the_front_door_is_open_and_what_keeps_data_is_behind() -> None:
    opened = {name for name, service in services().items() if service.get("ports")}
    inside = {name for name, network in compose()["networks"].items() if network.get("internal")}

    assert opened == {"front"}
    assert set(services()["postgres"]["networks"]) | set(services()["rabbitmq"]["networks"]) == inside


def test_rooms_believe_the_network_of_the_front_door_and_no_other() -> None:
    (pool,) = compose()["networks"]["front"]["ipam"]["config"]
    trusted = variables(DEPLOY / "compose" / "chartrier.env")["CHARTRIER_TRUSTED_PROXIES"]

    assert trusted == pool["subnet"]
    assert services()["front"]["networks"] == ["front"]
    # What Podman and Docker give to networks that name no addresses, by containers.conf(5) and dockerd's own list.
    given = ["10.88.0.0/13", "10.96.0.0/11", "10.128.0.0/9", "172.17.0.0/16", "172.18.0.0/15", "172.20.0.0/14"]
    given += ["172.24.0.0/13", "192.168.0.0/16"]
    assert not [one for one in given if ip_network(one).overlaps(ip_network(trusted))]


def test_everything_but_the_migration_is_watched_and_started_again() -> None:
    for name, service in services().items():
        assert ("healthcheck" in service) == (name != "migrate"), name
        assert service["restart"] == ("on-failure:10" if name == "migrate" else "unless-stopped"), name


# --- Rooms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_served_after_the_migration_and_given_time_to_end(room: str) -> None:
    service = service_of(room)
    grace = int(service["stop_grace_period"].removesuffix("s"))

    assert service["command"] == [f"services.{room}", "serve"]
    assert service["user"] == f"{UID}:{UID}"
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert f"/{room}/health/live" in service["healthcheck"]["test"][-1]
    assert grace >= SHUTDOWN_SECONDS + RELEASE_SECONDS + MARGIN_SECONDS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_starts_with_what_it_is_told_and_is_told_nothing_else(
    room: str, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_settings(room)
    environment = with_keys(told(service_of(room), secrets), tmp_path)
    settings, _ = settled(environment, monkeypatch, RoomSettings, own)
    address = urlsplit(settings.database_url.get_secret_value())

    assert environment.keys() <= names(RoomSettings, own)
    assert (address.username, address.hostname) == (role_of(room), "postgres")
    assert urlsplit(settings.broker_url.get_secret_value()).hostname == "rabbitmq"
    assert settings.base_url == "https://archive.example.org"
    assert settings.room_urls == {name: f"http://{name.replace('_', '-')}:8000" for name in ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_the_folders_that_its_settings_name_and_no_others(room: str, secrets: Path) -> None:
    environment = told(service_of(room), secrets)
    named = (
        [environment["CHARTRIER_STAGING_URL"].removeprefix("file://")]
        if "CHARTRIER_STAGING_URL" in environment
        else []
    )
    named += [site["path"] for site in json.loads(environment.get("CHARTRIER_SITES", "[]"))]
    named += ["/keys"] if "/keys/" in environment.get("CHARTRIER_SIGNER_URL", "") else []

    assert sorted(volume["target"] for volume in service_of(room).get("volumes", ())) == sorted(named)


def test_the_database_has_a_connection_for_every_pool(secrets: Path) -> None:
    command = services()["postgres"]["command"]
    most = next(int(word.partition("=")[2]) for word in command if word.startswith("max_connections="))
    pools = [int(told(service_of(room), secrets)["CHARTRIER_DATABASE_POOL"]) for room in ROOMS]

    assert sum(pools) + 20 <= most


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_the_file_and_each_file_of_secrets_is_somebodys(secrets: Path) -> None:
    files = {file.removeprefix(SECRETS) for service in services().values() for file in service.get("env_file", ())}
    written = " ".join(
        f"{key}={value}" for one in services().values() for key, value in one.get("environment", {}).items()
    )

    assert {path.name for path in secrets.iterdir()} == files - {"compose/chartrier.env"}
    assert not re.search(r"PASS|SECRET|DATABASE_URL|BROKER_URL", written)


def test_secrets_are_long_each_its_own_and_for_their_owner_alone(secrets: Path) -> None:
    passwords = [value for name, value in variables(secrets / "postgres.env").items() if "PASSWORD" in name]

    assert len(set(passwords)) == len(passwords) == len(ROOMS) + 2
    assert all(len(password) == 64 for password in passwords)
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}


def test_a_folder_of_secrets_is_never_written_over(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    done = subprocess.run([DEPLOY / "compose" / "make-secrets", secrets], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "once" in done.stderr
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before


def test_the_owner_s_address_is_the_migration_s_alone(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = told(services()["migrate"], secrets)
    (settings,) = settled(environment, monkeypatch, MigrationSettings)
    address = urlsplit(settings.owner_database_url.get_secret_value())
    passwords = variables(secrets / "postgres.env")

    assert environment.keys() == names(MigrationSettings)
    assert (address.username, address.password) == ("chartrier_owner", passwords["PASSWORD_OWNER"])
    for room in ROOMS:
        url = urlsplit(told(service_of(room), secrets)["CHARTRIER_DATABASE_URL"])
        assert url.password == passwords[f"PASSWORD_{room.upper()}"]


def test_the_broker_s_user_is_the_one_that_rooms_name(secrets: Path) -> None:
    broker = variables(secrets / "rabbitmq.env")
    for room in ROOMS:
        url = urlsplit(told(service_of(room), secrets)["CHARTRIER_BROKER_URL"])
        assert (url.username, url.password) == (broker["RABBITMQ_DEFAULT_USER"], broker["RABBITMQ_DEFAULT_PASS"])


# --- The front door -------------------------------------------------------------------------------------------------


def test_the_front_door_leads_to_every_room_and_neither_bounds_nor_holds_what_passes() -> None:
    program = Path(sys.executable).parent / "caddy"
    file = DEPLOY / "compose" / "Caddyfile"
    words = (program, "adapt", "--adapter", "caddyfile", "--config", file)
    done = subprocess.run(words, env={**room_environment(), **OPERATOR}, capture_output=True, text=True, check=True)
    configuration = json.loads(done.stdout)
    (server,) = (one for one in configuration["apps"]["http"]["servers"].values() if one["listen"] == [":443"])
    led = {}
    for route in every_route(server):
        for handler in route["handle"]:
            if handler["handler"] == "reverse_proxy":
                assert handler["flush_interval"] == -1
                led[handler["upstreams"][0]["dial"]] = route["handle"]

    assert led.keys() == {f"{room.replace('_', '-')}:8000" for room in ROOMS}
    assert server["enable_full_duplex"] is True
    assert "read_timeout" not in server
    assert '"request_body"' not in done.stdout
    assert {path for path in re.findall(r'"(/[^"]*)"', done.stdout) if path.endswith("/v1/*")} == {
        f"/{room}/v1/*" for room in ROOMS
    }
    assert not re.search(r"/(health|metrics)", done.stdout)
    assert configuration["admin"]["disabled"] is True


def every_route(server: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return all routes, those inside others too."""
    found: list[dict[str, Any]] = []
    waiting = list(server["routes"])
    while waiting:
        route = waiting.pop()
        found.append(route)
        waiting += [inner for handler in route.get("handle", ()) for inner in handler.get("routes", ())]
    return found
