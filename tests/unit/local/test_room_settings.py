import json
from dataclasses import replace
from pathlib import Path

import pytest

from services.local.postgres import Postgres
from services.local.rabbitmq import Broker
from services.local.room_settings import CHOSEN, Surroundings, likely, of_migration, of_room
from services.local.seaweedfs import Keys, Site
from services.local.settings import told_by_operator
from services.storage.settings import SiteSettings


def a_site(letter: str, port: int) -> Site:
    root, service, purger = (Keys(f"{who} {letter}", f"secret of {who} {letter}") for who in WHO)
    return Site(Path("/srv") / letter, f"127.0.0.1:{port}", root, service, purger)


WHO = ("root", "service", "purger")
AROUND = Surroundings(
    home=Path("/srv/chartrier/full stack"),
    database=Postgres(Path("/srv/pg"), Path("/srv/pg/socket")),
    broker=Broker(Path("/srv/mq"), "amqp://u:p@127.0.0.1:21000/"),
    sites=(a_site("a", 21001), a_site("b", 21002)),
    base_url="http://127.0.0.1:8000",
    internal_secret="s" * 43,
    room_ports={"ingest": 22001, "proof": 22002, "storage": 22003},
)


def test_a_room_connects_to_the_database_as_itself() -> None:
    assert of_room("proof", AROUND)["CHARTRIER_DATABASE_URL"] == (
        "postgresql+asyncpg://chartrier_proof@/chartrier?host=/srv/pg/socket&port=5432"
    )


def test_only_the_migration_is_told_the_owners_address() -> None:
    assert "CHARTRIER_OWNER_DATABASE_URL" not in of_room("ingest", AROUND)
    assert "chartrier_owner@" in of_migration(AROUND)["CHARTRIER_OWNER_DATABASE_URL"]


def test_each_room_listens_on_its_own_port_and_knows_the_others() -> None:
    told = of_room("proof", AROUND)
    assert told["CHARTRIER_PORT"] == "22002"
    assert json.loads(told["CHARTRIER_ROOM_URLS"])["ingest"] == "http://127.0.0.1:22001"


def test_the_two_sites_have_distinct_names_places_and_stores_under_object_lock() -> None:
    sites = json.loads(of_room("ingest", AROUND)["CHARTRIER_SITES"])
    for distinct in ("name", "place", "endpoint", "secret_key"):
        assert len({site[distinct] for site in sites}) == 2
    assert {site["lock_mode"] for site in sites} == {"GOVERNANCE"}


def test_no_room_is_told_roots_keys_and_storage_alone_the_purgers() -> None:
    told = {room: of_room(room, AROUND)["CHARTRIER_SITES"] for room in AROUND.room_ports}
    told["migration"] = of_migration(AROUND)["CHARTRIER_SITES"]
    assert not [room for room, sites in told.items() if "root" in sites]
    assert [room for room, sites in told.items() if "purger" in sites] == ["storage"]
    assert all(site["access_key"] == f"service {site['name'][-1]}" for site in json.loads(told["ingest"]))
    assert "purger" not in of_room("storage", replace(AROUND, purging=False))["CHARTRIER_SITES"]
    for site in json.loads(told["storage"]):
        assert SiteSettings.model_validate(site).purger_access_key == f"purger {site['name'][-1]}"


def test_a_newcomers_first_client_may_try_everything() -> None:
    assert of_room("proof", AROUND)["CHARTRIER_BOOTSTRAP_FULL"] == "true"


def test_staging_is_a_file_address_even_with_a_space_in_the_path() -> None:
    assert of_room("ingest", AROUND)["CHARTRIER_STAGING_URL"] == "file:///srv/chartrier/full%20stack/staging"


def test_what_else_the_operator_says_is_told_but_never_in_the_place_of_what_is_chosen_here() -> None:
    around = replace(AROUND, also={"CHARTRIER_CLAMD": "127.0.0.1:3310", "CHARTRIER_PORT": "8000"})
    told = of_room("proof", around)
    assert told["CHARTRIER_CLAMD"] == "127.0.0.1:3310"
    assert told["CHARTRIER_PORT"] == "22002"


def test_what_is_chosen_here_is_said_as_such_and_is_the_same_before_any_server_runs() -> None:
    assert set(of_room("proof", AROUND)) == CHOSEN | {
        "CHARTRIER_INTERNAL_SECRET",
        "CHARTRIER_SIGNER_URL",
        "CHARTRIER_STAGING_URL",
    }
    given = {"CHARTRIER_INTERNAL_SECRET": "g" * 32}
    before = of_room("proof", likely(Path("/srv"), {**given, "CHARTRIER_PORT": "x"}))
    assert set(before) == set(of_room("proof", AROUND))
    assert before | given == before


def test_rooms_are_never_told_the_owners_address(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = told_by_operator()
    monkeypatch.setenv("CHARTRIER_OWNER_DATABASE_URL", "postgresql+asyncpg://owner@/")
    monkeypatch.setenv("CHARTRIER_TRACE_SHARE", "0.5")
    assert told_by_operator() == {**samples, "CHARTRIER_TRACE_SHARE": "0.5"}
