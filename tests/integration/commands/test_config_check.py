"""``config check`` says every fault of the settings it can see, before anything is started."""

import json
from pathlib import Path

import pytest

from services.__main__ import main
from services.local.settings import as_if_told

HUSH = "hush-7788"
OF_ACCESS = {
    "CHARTRIER_DATABASE_URL": f"postgresql+asyncpg://chartrier_access:{HUSH}@db/chartrier",
    "CHARTRIER_BROKER_URL": f"amqp://user:{HUSH}@broker/",
    "CHARTRIER_INTERNAL_SECRET": HUSH * 4,
    "CHARTRIER_STAGING_URL": f"s3://key:half@{HUSH}@s3.example.org/staging",
}


def check(capsys: pytest.CaptureFixture[str], told: dict[str, str], *options: str) -> tuple[int, str]:
    with as_if_told(told):
        status = main(["config", "check", *options])
    said = capsys.readouterr().out
    assert HUSH not in said
    return status, said


def test_right_settings_are_shown_without_their_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    status, said = check(capsys, OF_ACCESS, "--show")

    assert status == 0
    assert "access: CHARTRIER_STAGING_URL = s3://…@s3.example.org/staging" in said
    assert "access: CHARTRIER_DIP_DAYS = 7" in said
    assert said.splitlines()[-1] == "access: the settings are right"


def test_beside_a_room_all_its_faults_are_said_for_people_and_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = {**OF_ACCESS, "CHARTRIER_DIP_DAYS": "0", "CHARTRIER_BROKER_URL": HUSH, "CHARTRIER_STAGING_ULR": "x"}
    del wrong["CHARTRIER_INTERNAL_SECRET"]

    status, said = check(capsys, wrong)
    in_json = check(capsys, wrong, "--json")

    assert status == in_json[0] == 78
    assert [line.split(" ")[1].rstrip(":") for line in said.splitlines()] == [
        "CHARTRIER_BROKER_URL",
        "CHARTRIER_INTERNAL_SECRET",
        "CHARTRIER_DIP_DAYS",
        "CHARTRIER_STAGING_ULR",
    ]
    facts = json.loads(in_json[1])["access"]
    assert facts["faults"][1] == {"place": "CHARTRIER_INTERNAL_SECRET", "expected": "required, and not set"}
    assert len(facts["hints"]) == 1


def test_a_room_may_be_named_before_its_address_is_known(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, said = check(capsys, {"CHARTRIER_HOME": str(tmp_path)}, "--room", "storage")

    assert status == 78
    assert "storage: CHARTRIER_SITES: required, and not set" in said


def test_a_room_that_cannot_be_told_is_asked_for_and_what_is_wrong_all_the_same_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, said = check(capsys, {"CHARTRIER_DATABASE_URL": HUSH, "CHARTRIER_INGEST_SLOTS": "0"})

    assert status == 78
    assert "--room" in said
    assert "CHARTRIER_INGEST_SLOTS" in said
    assert "CHARTRIER_SITES" not in said


def test_without_a_room_the_all_in_one_of_this_machine_is_checked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    told = {"CHARTRIER_HOME": str(tmp_path)}

    assert check(capsys, told) == (0, "all-in-one: the settings are right\n")
    status, said = check(capsys, {**told, "CHARTRIER_PORT": "0", "CHARTRIER_SITES": "[]"})

    assert status == 78
    assert [line.split(": ")[1] for line in said.splitlines()] == ["CHARTRIER_PORT", "CHARTRIER_SITES"]
    assert list(tmp_path.iterdir()) == []


def test_the_rooms_of_a_full_stack_are_checked_as_they_were_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rooms = {"access": {"port": 1, "told": OF_ACCESS}, "proof": {"port": 2, "told": {"CHARTRIER_PORT": "0"}}}
    state = {"port": 8000, "internal_secret": HUSH, "rooms": rooms}
    (tmp_path / "stack.json").write_text(json.dumps(state), encoding="utf-8")

    status, said = check(capsys, {"CHARTRIER_HOME": str(tmp_path)})
    alone = check(capsys, {"CHARTRIER_HOME": str(tmp_path)}, "--room", "access")

    assert status == 78
    assert "access: the settings are right" in said
    assert "proof: CHARTRIER_PORT: " in said
    assert alone == (0, "access: the settings are right\n")


def test_what_the_next_start_would_tell_the_rooms_is_checked_too_whatever_is_wrong_with_the_rest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    state = {"port": 8000, "internal_secret": HUSH, "rooms": {"access": {"port": 1, "told": OF_ACCESS}}}
    (tmp_path / "stack.json").write_text(json.dumps(state), encoding="utf-8")
    # The address of the broker is not the operator's to choose here; the door's port is no room's.
    asked = {"CHARTRIER_DIP_DAYS": "0", "CHARTRIER_LOG_LEVEL": "LOUD", "CHARTRIER_BROKER_URL": HUSH}

    status, said = check(capsys, {"CHARTRIER_HOME": str(tmp_path), **asked, "CHARTRIER_PORT": "0"})

    assert status == 78
    assert {tuple(line.split(": ")[:2]) for line in said.splitlines()} == {
        ("access", "CHARTRIER_DIP_DAYS"),
        ("access", "CHARTRIER_LOG_LEVEL"),
        ("make up", "CHARTRIER_LOG_LEVEL"),
        ("make up", "CHARTRIER_PORT"),
    }
    assert (
        check(capsys, {"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_DIP_DAYS": "3"}, "--show")[1].count("= 3\n") == 1
    )
