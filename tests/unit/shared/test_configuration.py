"""Every fault of the settings is found at once, and names its place without its value."""

import json

import pytest
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.access.settings import AccessSettings
from services.ingest.settings import IngestSettings
from services.rooms import ROOMS
from services.storage.settings import StorageSettings
from shared.configuration import WRONG_SETTINGS, faults_of, read, slips
from shared.settings import ProcessSettings, RoomSettings

RIGHT = {
    "CHARTRIER_DATABASE_URL": "postgresql+asyncpg://chartrier_storage:x@db/chartrier",
    "CHARTRIER_BROKER_URL": "amqp://user:x@broker/",
    "CHARTRIER_INTERNAL_SECRET": "s" * 32,
    "CHARTRIER_STAGING_URL": "file:///srv/staging",
    "CHARTRIER_SITES": json.dumps(
        [
            {"name": "a", "kind": "filesystem", "place": "Rennes", "path": "/srv/a"},
            {
                "name": "b",
                "kind": "s3",
                "place": "Brest",
                "endpoint": "s3.example.org:8333",
                "bucket": "archive",
                "access_key": "k",
                "secret_key": "s",
                "lock_mode": "COMPLIANCE",
            },
        ]
    ),
}
ALL: tuple[type[BaseSettings], ...] = (ProcessSettings, *(plan.own for plan in ROOMS.values()))
HUSH = "hush-91"


def told(environment: dict[str, str], *classes: type[BaseSettings]) -> dict[str, str]:
    """Place → what is expected there."""
    return {fault.place: fault.expected for fault in faults_of(classes or ALL, environment)}


def test_right_settings_have_no_fault() -> None:
    assert told(RIGHT) == {}


def test_nothing_at_all_names_all_that_is_required() -> None:
    assert told({}) == dict.fromkeys(RIGHT, "required, and not set")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_URL", f"postgresql://u:{HUSH}@db/x", "postgresql+asyncpg://"),
        ("DATABASE_URL", f"://{HUSH}", "postgresql+asyncpg://"),
        ("BROKER_URL", "local", "amqp://"),
        ("BROKER_URL", f"http://{HUSH}", "amqp://"),
        ("INTERNAL_SECRET", HUSH, "at least 32 characters"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.0/8"),
        ("TRUSTED_PROXIES", "127.0.0.1,ingress", "addresses and networks"),
        ("OTLP_ENDPOINT", "collector:4318", "http://"),
        ("REQUEST_RATE", "inf", "finite"),
        ("BASE_URL", f"ftp://{HUSH}", "http://host"),
        ("BASE_URL", f"https://archive.example.org/{HUSH}", "nothing after it"),
        ("BASE_URL", f"https://archive.example.org:{HUSH}", "an origin"),
        ("ROOM_URLS", f'{{"storage": "{HUSH}"', "a JSON object"),
        ("ROOM_URLS", "[1]", "a JSON object"),
        ("PORT", HUSH, "a whole number"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("PORT", "0", "greater than or equal to 1"),
        ("DATABASE_POOL", "0", "greater than 0"),
        ("LEASE_SECONDS", "nan", "finite"),
        ("LEASE_SECONDS", "-1", "greater than 0"),
        ("LOG_LEVEL", HUSH, "'DEBUG'"),
        ("STAGING_URL", f"ftp://k:{HUSH}@host/b", "file:///folder"),
        ("STAGING_URL", f"s3://[{HUSH}", "file:///folder"),
        ("STAGING_URL", f"s3://k:s@host/b?{HUSH}", "file:///folder"),
        ("STAGING_URL", f"s3://k:s@host/b?lock={HUSH}", "yes or no"),
        ("STAGING_URL", f"s3://k:s@host/b?{HUSH}=yes", "options of such a store"),
        ("SITES", f'[{{"name": "{HUSH}"', "a JSON list"),
        ("SITES", "{}", "a JSON list"),
        ("SITES", "[]", "at least two sites"),
        ("CLAMD", HUSH, "host:port"),
        ("CLAMD", "clamd:0", "host:port"),
        ("INGEST_SLOTS", "0", "greater than 0"),
        ("DIP_MAX_BYTES", "-1", "greater than 0"),
        ("RETENTION_DAYS", "1.5", "a whole number"),
        ("BOOTSTRAP_FULL", HUSH, "true or false"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_expected_and_never_its_value(
    name: str, value: str, expected: str
) -> None:
    found = told({**RIGHT, f"CHARTRIER_{name}": value})

    assert list(found) == [f"CHARTRIER_{name}"]
    assert expected in found[f"CHARTRIER_{name}"]
    assert HUSH not in str(found)


def test_the_place_inside_a_list_or_map_is_named_too() -> None:
    sites = [
        {"name": "a", "kind": "s3", "place": "Rennes", "endpoint": f"http://{HUSH}", "bucket": "b", "secret_key": ""},
        {"kind": "filesystem", "path": HUSH, "pth": "/x"},
        {"name": "c", "kind": HUSH, "place": "x"},
        3,
    ]
    urls = {"storag": "http://x:1", "ingest": f"x:{HUSH}"}

    found = told({**RIGHT, "CHARTRIER_SITES": json.dumps(sites), "CHARTRIER_ROOM_URLS": json.dumps(urls)})

    assert set(found) == {
        "CHARTRIER_ROOM_URLS.storag",
        "CHARTRIER_ROOM_URLS.ingest",
        "CHARTRIER_SITES[0].endpoint",
        "CHARTRIER_SITES[0].access_key",
        "CHARTRIER_SITES[0].secret_key",
        "CHARTRIER_SITES[1].name",
        "CHARTRIER_SITES[1].place",
        "CHARTRIER_SITES[1].path",
        "CHARTRIER_SITES[1].pth",
        "CHARTRIER_SITES[2].kind",
        "CHARTRIER_SITES[3]",
    }
    assert HUSH not in str(found)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"place": " rennes"}, "distinct places"),
        ({"name": "a"}, "given twice"),
        ({"path": "/srv/a"}, "two sites keep their bytes"),
        ({"lock_mode": "COMPLIANCE"}, "cannot lock"),
        ({"place": ""}, "not declared"),
    ],
)
def test_sites_that_cannot_carry_an_archive_are_a_fault(changes: dict[str, str], expected: str) -> None:
    site = {"name": "a", "kind": "filesystem", "place": "Rennes", "path": "/srv/a"}
    other = {**site, "name": "b", "place": "Brest", "path": "/srv/b", **changes}

    found = told({**RIGHT, "CHARTRIER_SITES": json.dumps([site, other])})

    assert expected in found["CHARTRIER_SITES"]


def test_what_two_classes_read_is_named_once() -> None:
    found = faults_of(
        (IngestSettings, StorageSettings, AccessSettings), {"CHARTRIER_SITES": RIGHT["CHARTRIER_SITES"]}
    )

    assert [fault.place for fault in found] == ["CHARTRIER_STAGING_URL"]


def test_every_field_of_every_class_keeps_its_value_to_itself() -> None:
    names = {name.upper() for settings in ALL for name in settings.model_fields}

    for value in (HUSH, f"[{HUSH}", f'["{HUSH}"]', f'{{"{HUSH}": "{HUSH}"}}', f"s3://{HUSH}@"):
        found = told({f"CHARTRIER_{name}": value for name in names})
        wrong = {place: text for place, text in found.items() if HUSH in text}
        assert wrong == {}


def test_a_name_like_a_settings_is_taken_for_a_slip() -> None:
    environment = {"CHARTRIER_STAGING_ULR": "", "CHARTRIER_PROT": "", "CHARTRIER_WHATEVER": "", "PATH": ""}

    assert slips((RoomSettings, IngestSettings), environment) == [
        "CHARTRIER_PROT: nothing reads it; was CHARTRIER_PORT meant?",
        "CHARTRIER_STAGING_ULR: nothing reads it; was CHARTRIER_STAGING_URL meant?",
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_what_another_room_reads_is_no_slip(room: str) -> None:
    environment = {f"CHARTRIER_{name.upper()}": "" for settings in ALL for name in settings.model_fields}

    assert slips((ProcessSettings, ROOMS[room].own), environment) == []


class Odd(BaseSettings):
    """As any helper's class may be: no base of ours, another JSON field."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_")

    odd: list[int] = []


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("CHARTRIER_ODD", "[1, 2]")
    return monkeypatch


def test_settings_are_read_or_the_process_ends_with_78(
    odd: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(Odd).odd == [1, 2]
    odd.setenv("CHARTRIER_ODD", f"[1, {HUSH}]")
    odd.setenv("CHARTRIER_DOD", "")

    with pytest.raises(SystemExit) as ended:
        read(Odd)

    assert ended.value.code == WRONG_SETTINGS == 78
    assert capsys.readouterr().err.splitlines() == [
        "CHARTRIER_ODD: a JSON list is expected",
        "CHARTRIER_DOD: nothing reads it; was CHARTRIER_ODD meant?",
    ]
