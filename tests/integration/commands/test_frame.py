"""A command speaks for the rooms of the machine it is given on, or says what to do."""

import argparse
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from services.__main__ import main
from services.commands.frame import Answer, Fault, add_command, answer, at, opened, places
from services.local import stack
from services.local.settings import as_if_told, is_told
from tests.servers import Databases

pytestmark = pytest.mark.integration

SECRET = "x" * 32


def told(databases: Databases, room: str) -> dict[str, str]:
    return {"CHARTRIER_DATABASE_URL": databases.url(room), "CHARTRIER_INTERNAL_SECRET": SECRET}


def parsed(run: object, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_command(parser.add_subparsers(), "try", "Try", run)  # type: ignore[arg-type]
    return parser.parse_args(["try", *arguments])


def test_without_an_archive_the_operator_is_told_how_to_name_one(tmp_path: Path) -> None:
    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}), pytest.raises(Fault, match="CHARTRIER_HOME"):
        places()


async def test_beside_a_room_a_command_speaks_for_that_room(databases: Databases) -> None:
    with as_if_told(told(databases, "storage")):
        (place,) = places()
        with pytest.raises(Fault, match="storage"):
            places("ingest")
        with at(place) as settings:
            async with opened(settings, place.room) as database, database.reading() as connection:
                role = await connection.scalar(text("SELECT current_user"))

    assert place.room == "storage"
    assert role == "chartrier_storage"
    assert not is_told("CHARTRIER_DATABASE_URL")


def test_a_role_that_is_no_room_is_refused(databases: Databases) -> None:
    stranger = told(databases, "storage") | {"CHARTRIER_DATABASE_URL": databases.owner_url}
    with as_if_told(stranger), pytest.raises(Fault, match="chartrier_owner"):
        places()


def test_a_fault_is_said_and_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: argparse.Namespace) -> Answer:
        raise Fault("no such thing")

    assert answer(parsed(refuse)) == 1
    assert capsys.readouterr().err == "no such thing\n"
    assert answer(parsed(refuse, "--json")) == 1
    assert json.loads(capsys.readouterr().out) == {"error": "no such thing"}


def test_a_database_that_is_away_has_a_status_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = f"postgresql+asyncpg://chartrier_storage@/chartrier?host={tmp_path}"
    with as_if_told({"CHARTRIER_DATABASE_URL": away, "CHARTRIER_INTERNAL_SECRET": SECRET}):
        assert main(["work", "list"]) == 69
    assert "database of storage does not answer" in capsys.readouterr().err


@pytest.mark.parametrize(("way", "opens"), [("full-stack", "make up"), ("all-in-one", "make run")])
def test_an_archive_that_is_stopped_is_said_to_be_and_how_it_opens(
    way: str, opens: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / way / "postgres").mkdir(parents=True)
    if way == "full-stack":
        (tmp_path / "stack.json").write_text(json.dumps({"port": 8000, "internal_secret": SECRET, "rooms": {}}))
    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}):
        assert main(["work", "list"]) == 69
    assert f"The archive in {tmp_path} is stopped, or its database is: {opens}." in capsys.readouterr().err


def test_what_else_the_machine_refuses_is_not_taken_for_the_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> dict[str, dict[str, str]]:
        raise PermissionError(13, "Permission denied", str(tmp_path / "stack.json"))

    # A superuser, as tests may run, is refused nothing.
    monkeypatch.setattr(stack, "told_to_rooms", refuse)
    with as_if_told({"CHARTRIER_HOME": str(tmp_path)}):
        assert main(["work", "list"]) == 1
    assert "stack.json may be read by its owner alone" in capsys.readouterr().err


def test_an_answer_is_for_people_or_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    def say(_: argparse.Namespace) -> Answer:
        return Answer({"count": 2}, ["two things", "are here"], 3)

    assert answer(parsed(say)) == 3
    assert capsys.readouterr().out == "two things\nare here\n"
    assert answer(parsed(say, "--json")) == 3
    assert json.loads(capsys.readouterr().out) == {"count": 2}


def test_an_unknown_command_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nonsense"])
    assert "migrate" in capsys.readouterr().err
