"""The first client sets an installation up; that it may also deposit and read has to be asked for."""

from pathlib import Path

import pytest

from services.admin.settings import AdminSettings
from services.all_in_one import surroundings


def test_the_first_client_does_not_deposit_unless_it_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARTRIER_BOOTSTRAP_FULL", raising=False)

    assert not AdminSettings().bootstrap_full


def test_on_one_machine_a_newcomer_tries_everything_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in surroundings(Path("/srv/archive")).items():
        monkeypatch.setenv(name, value)

    assert AdminSettings().bootstrap_full
