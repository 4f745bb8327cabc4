"""What an operator may set, and what a room refuses to start with."""

import pytest
from pydantic import ValidationError

from shared.settings import RoomSettings

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTRIER_DATABASE_URL", "postgresql+asyncpg://chartrier_ingest@db/chartrier")
    monkeypatch.setenv("CHARTRIER_INTERNAL_SECRET", SECRET)


def test_a_room_is_found_at_the_public_origin_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTRIER_BASE_URL", "https://archive.example.org/")
    monkeypatch.setenv("CHARTRIER_ROOM_URLS", '{"storage": "http://10.0.0.7:8000/"}')

    settings = RoomSettings()

    assert settings.url_of("storage") == "http://10.0.0.7:8000"
    assert settings.url_of("admin") == "https://archive.example.org"


def test_secrets_are_not_shown_to_whoever_prints_the_settings() -> None:
    settings = RoomSettings()

    assert SECRET not in repr(settings) + str(settings.model_dump())
    assert "chartrier_ingest" not in repr(settings)
    assert settings.internal_secret.get_secret_value() == SECRET


def test_secrets_accepted_beside_the_first_are_a_list_and_as_little_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTRIER_INTERNAL_SECRETS_ALSO", f'["{"n" * 32}", "{"f" * 40}"]')

    settings = RoomSettings()

    assert settings.former_and_next_secrets == ("n" * 32, "f" * 40)
    assert "n" * 32 not in repr(settings) + str(settings.model_dump())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHARTRIER_INTERNAL_SECRET", "too-short"),
        ("CHARTRIER_INTERNAL_SECRETS_ALSO", '["too-short"]'),
        ("CHARTRIER_LOG_LEVEL", "LOUD"),
        ("CHARTRIER_PORT", "eight thousand"),
        ("CHARTRIER_ROOM_URLS", '["storage"]'),
    ],
)
def test_a_room_does_not_start_on_a_mistaken_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ValidationError, match=name.removeprefix("CHARTRIER_").lower()):
        RoomSettings()


@pytest.mark.parametrize("name", ["CHARTRIER_DATABASE_URL", "CHARTRIER_INTERNAL_SECRET"])
def test_what_has_no_safe_default_must_be_said(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(ValidationError, match="Field required"):
        RoomSettings()


def test_settings_are_read_once_and_never_changed() -> None:
    settings = RoomSettings()

    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "port", 1)  # noqa: B010 (mypy knows it is forbidden)
