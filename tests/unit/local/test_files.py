import json
from pathlib import Path

from services.local import admin_client, files


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_private_file_is_for_its_owner_only_even_when_it_replaces_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret.json"
    path.parent.mkdir()
    path.write_text("old")
    path.chmod(0o644)
    files.write_private(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o600)
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_was_open_to_all_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    assert files.private_folder(folder) == folder.resolve()
    assert mode(folder) == 0o700


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(20000)))
    assert files.tail(log, 2) == "line 19998\nline 19999"


def test_the_tail_of_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert files.tail(tmp_path / "none", 2) == ""


def test_published_credentials_are_private_and_carry_the_address_in_use(tmp_path: Path) -> None:
    source = tmp_path / "kept.json"
    source.write_text(json.dumps({"base_url": "http://127.0.0.1:1", "client_id": "a", "client_secret": "b"}))
    place = admin_client.publish(source, tmp_path, "http://127.0.0.1:8000")
    assert place is not None
    assert json.loads(place.read_text()) == {
        "base_url": "http://127.0.0.1:8000",
        "client_id": "a",
        "client_secret": "b",
    }
    assert mode(place) == 0o600


def test_credentials_of_the_other_way_of_running_are_left_alone_when_there_is_nothing_to_publish(
    tmp_path: Path,
) -> None:
    (tmp_path / "admin-client.json").write_text("{}")
    assert admin_client.publish(tmp_path / "none.json", tmp_path, "http://127.0.0.1:8000") is None
    assert (tmp_path / "admin-client.json").read_text() == "{}"
