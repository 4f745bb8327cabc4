"""What an operator says is judged before anything that runs is touched."""

from pathlib import Path

import pytest

from services.local import checking
from services.local.__main__ import main
from services.local.settings import as_if_told
from shared.configuration import WRONG_SETTINGS


def refused(told: dict[str, str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    with as_if_told(told), pytest.raises(SystemExit) as ended:
        main(["up"])
    assert ended.value.code == WRONG_SETTINGS
    return [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]


def test_every_fault_of_every_room_and_of_the_stack_is_named_and_nothing_is_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "CHARTRIER_HOME": str(tmp_path),
        "CHARTRIER_LOG_LEVEL": "LOUD",
        "CHARTRIER_INGEST_SLOTS": "abc",
        "CHARTRIER_REQUEST_RATE": "-3",
        "CHARTRIER_DIP_SLOTS": "x",
        "CHARTRIER_INTERNAL_SECRET": "short",
        "CHARTRIER_STAGING_URL": "nowhere",
        "CHARTRIER_INGEST_SLOT": "2",
    }
    assert sorted(refused(told, capsys)) == sorted(set(told) - {"CHARTRIER_HOME"})
    assert list(tmp_path.iterdir()) == []


def test_right_settings_have_no_fault(tmp_path: Path) -> None:
    with as_if_told({"CHARTRIER_HOME": str(tmp_path), "CHARTRIER_INGEST_SLOTS": "2"}):
        assert checking.wrong() == []


def test_what_is_chosen_for_the_rooms_is_no_fault_whatever_the_environment_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {
        "CHARTRIER_HOME": str(tmp_path),
        "CHARTRIER_SITES": "nonsense",
        "CHARTRIER_DATABASE_URL": "nonsense",
        "CHARTRIER_PORT": "0",
    }
    assert refused(told, capsys) == ["CHARTRIER_PORT"]
