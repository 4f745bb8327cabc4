"""A deposit in pieces arrives whole, whatever befalls it, and goes on where it was."""

import json
import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chartrier_client import Client, Problem, StillRunning, Unreachable, Upload, UploadError, UploadMemory
from chartrier_client import uploads as sending
from chartrier_client.uploads import place_of
from tests.unit.client.upload_double import UPLOADS, Trouble, UploadDouble

PIECE = 1000


@pytest.fixture
def archive(uploads: UploadDouble, pauses: list[float]) -> Iterator[Client]:
    with Client(uploads.url, "the-client", "its-secret", pause=pauses.append) as client:
        yield client


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    path = tmp_path / "été.zip"
    path.write_bytes(random.Random(1).randbytes(5 * PIECE + 321))  # noqa: S311 (no secret)
    return Upload(path, "ACCORD", memory=UploadMemory(tmp_path / "state" / "uploads"), piece=PIECE)


def memories(upload: Upload) -> list[Path]:
    assert upload.memory is not None
    return sorted(upload.memory.folder.glob("*")) if upload.memory.folder.exists() else []


def test_a_package_is_sent_piece_by_piece_and_told_of(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float]
) -> None:
    told: list[tuple[int, int]] = []

    assert archive.upload(upload, lambda *so: told.append(so)) == "tr-1"

    size = 5 * PIECE + 321
    assert uploads.only.content == upload.path.read_bytes()
    assert uploads.only.metadata["agreement"] == "ACCORD"
    assert uploads.only.metadata["filename"] == "été.zip"
    assert uploads.only.metadata["dry_run"] == "false"
    assert told == [*((offset, size) for offset in range(0, size, PIECE)), (size, size)]
    assert (uploads.count("PATCH"), uploads.count("HEAD"), uploads.count("GET"), pauses) == (6, 0, 0, [])


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(),
        Trouble(kept=PIECE),
        Trouble(kept=17),
        Trouble(409),
        Trouble(408, kept=30),
        Trouble(423),
        Trouble(423, kept=PIECE),
        Trouble(460),
        Trouble(500),
        Trouble(502, kept=400),
        Trouble(503, headers={"Retry-After": "7"}),
    ],
    ids=lambda trouble: f"{trouble.status}, {trouble.kept} bytes in",
)
def test_what_breaks_off_goes_on_from_what_has_arrived(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float], trouble: Trouble
) -> None:
    uploads.troubles = [None, trouble, None, trouble, trouble]

    assert archive.upload(upload) == "tr-1"

    assert uploads.only.content == upload.path.read_bytes()
    assert uploads.count("POST") == 1
    assert not trouble.headers or pauses == [7.0] * 3


@pytest.mark.parametrize("seed", range(5))
def test_random_cuts_lose_nothing_and_send_nothing_twice(
    archive: Client, uploads: UploadDouble, upload: Upload, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    uploads.troubles = [
        Trouble(chance.choice([0, 423, 500]), chance.randrange(PIECE)) if chance.random() < 0.6 else None
        for _ in range(30)
    ]

    assert archive.upload(upload) == "tr-1"
    assert uploads.only.content == upload.path.read_bytes()


def test_a_network_that_is_gone_is_not_waited_for_for_ever(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float]
) -> None:
    uploads.troubles = [None, *[Trouble()] * 100]

    with pytest.raises(Unreachable, match="goes on with it"):
        archive.upload(upload)
    assert pauses == sorted(pauses)
    assert len(uploads.only.content) == PIECE

    # The next call goes on, with what is left.
    uploads.troubles, uploads.heard = [], []
    assert archive.upload(upload) == "tr-1"
    assert (uploads.count("POST"), uploads.count("HEAD"), uploads.count("PATCH")) == (0, 1, 5)


def test_an_interruption_is_gone_on_from_by_another_process(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    def interrupt(done: int, _: int) -> None:
        if done >= 2 * PIECE:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.upload(upload, interrupt)
    (memory,) = memories(upload)
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    assert stat.S_IMODE(memory.parent.stat().st_mode) == 0o700
    assert "its-secret" not in memory.read_text(encoding="utf-8")
    uploads.heard = []

    with Client(uploads.url, "the-client", "its-secret") as another:
        assert another.upload(upload) == "tr-1"

    assert (uploads.count("POST"), uploads.count("PATCH")) == (0, 4)
    assert uploads.only.content == upload.path.read_bytes()


def test_what_arrived_whole_is_not_sent_again_until_it_is_forgotten(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    assert archive.upload(upload) == "tr-1"
    assert archive.upload(upload) == "tr-1"
    assert (uploads.count("POST"), uploads.count("PATCH")) == (1, 6)

    archive.forget(upload)

    assert memories(upload) == []
    assert archive.upload(upload) == "tr-2"


def _another_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    known = path.stat()
    path.write_bytes(bytes(content))
    # Neither its size nor its time tells: its digest does.
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))


def _spoilt_memory(path: Path) -> None:
    for memory in (path.parent / "state" / "uploads").glob("*.json"):
        memory.write_text("{", encoding="utf-8")


@pytest.mark.parametrize("change", [_another_byte, _spoilt_memory])
def test_a_changed_file_or_a_spoilt_memory_begins_anew(
    archive: Client, uploads: UploadDouble, upload: Upload, change: object
) -> None:
    uploads.troubles = [None, Trouble(403)]
    with pytest.raises(Problem):
        archive.upload(upload)
    assert callable(change)
    change(upload.path)

    assert archive.upload(upload) == "tr-2"
    assert uploads.count("POST") == 2
    assert len(memories(upload)) == 1


def test_a_file_that_changes_on_its_way_is_not_sent_to_its_end(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    def grow(done: int, _: int) -> None:
        if done == 2 * PIECE:
            with upload.path.open("ab") as file:
                file.write(b"x")

    with pytest.raises(UploadError, match="changed while it was sent"):
        archive.upload(upload, grow)
    assert len(uploads.only.content) == 2 * PIECE


def test_another_archive_client_or_agreement_has_a_memory_of_its_own(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    archive.upload(upload)
    archive.upload(Upload(upload.path, "AUTRE", memory=upload.memory))
    archive.upload(Upload(upload.path, "ACCORD", dry_run=True, memory=upload.memory))
    with Client(uploads.url, "another", "its-secret") as another:
        another.upload(upload)

    assert len(uploads.uploads) == len(memories(upload)) == 4


def test_an_upload_that_the_archive_forgot_begins_anew(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.troubles = [None, Trouble(403)]
    with pytest.raises(Problem):
        archive.upload(upload)
    uploads.uploads.clear()

    assert archive.upload(upload) == "tr-1"
    assert uploads.only.content == upload.path.read_bytes()


def test_an_archive_that_forgets_every_upload_is_given_up(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.troubles = [Trouble(410, meanwhile=uploads.uploads.clear)] * 10

    with pytest.raises(UploadError, match="again and again"):
        archive.upload(upload)
    assert uploads.count("POST") == 3


def test_a_transfer_that_is_not_known_at_once_is_asked_for(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float]
) -> None:
    uploads.known_at_once = False
    uploads.states = [{"state": "assembling"}, {"state": "assembling"}, {"state": "completed"}]

    assert archive.upload(upload) == "tr-1"
    assert (uploads.count("GET"), pauses) == (3, [0.5, 0.75])


def test_a_refusal_once_it_is_whole_says_why(archive: Client, uploads: UploadDouble, upload: Upload) -> None:
    uploads.known_at_once = False
    problem = {"status": 422, "code": "digest_mismatch", "title": "Refusé", "detail": "Pas cette empreinte."}
    uploads.states = [{"state": "refused", "problem": problem, "transfer": None}]

    with pytest.raises(Problem, match="Pas cette empreinte") as caught:
        archive.upload(upload)
    assert (caught.value.status, caught.value.code) == (422, "digest_mismatch")
    # The same call begins anew.
    assert memories(upload) == []


@pytest.mark.parametrize("status", [409, 422])
def test_a_refusal_with_the_last_piece_says_why_and_the_next_call_begins_anew(
    archive: Client, uploads: UploadDouble, upload: Upload, status: int
) -> None:
    uploads.refusal = {"status": status, "code": "not_wanted", "title": "Refusé", "detail": "Pas de ce dépôt."}

    with pytest.raises(Problem, match="Pas de ce dépôt") as caught:
        archive.upload(upload)

    assert (caught.value.status, caught.value.code) == (status, "not_wanted")
    assert uploads.count("POST") == 1
    assert memories(upload) == []
    uploads.refusal = None
    assert archive.upload(upload) == "tr-2"


def test_a_package_of_many_pieces_is_sent_in_larger_ones(
    archive: Client, uploads: UploadDouble, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_PIECES", 3)

    assert archive.upload(upload) == "tr-1"
    assert uploads.count("PATCH") == 3


def test_a_memory_that_points_elsewhere_is_none(archive: Client, uploads: UploadDouble, upload: Upload) -> None:
    archive.upload(upload)
    (memory,) = memories(upload)
    body = json.loads(memory.read_text(encoding="utf-8"))
    memory.write_text(json.dumps({**body, "location": "https://elsewhere.example/x"}), encoding="utf-8")

    assert archive.upload(upload) == "tr-2"
    assert len(uploads.uploads) == 2


def test_a_transfer_that_never_comes_is_not_waited_for_for_ever(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.known_at_once = False
    uploads.states = [{"state": "assembling"}] * 1000

    with pytest.raises(StillRunning, match="goes on with it"):
        archive.upload(upload)


@pytest.mark.parametrize(
    ("base", "location", "path"),
    [
        ("http://a", f"{UPLOADS}/1", f"{UPLOADS}/1"),
        ("http://a", f"https://elsewhere.example{UPLOADS}/1", f"{UPLOADS}/1"),
        ("http://a/sae/", f"/sae{UPLOADS}/1", f"{UPLOADS}/1"),
        ("http://a/sae", f"http://a{UPLOADS}/1", f"{UPLOADS}/1"),
    ],
)
def test_a_location_never_takes_the_token_elsewhere(base: str, location: str, path: str) -> None:
    assert place_of(base, location) == path


@pytest.mark.parametrize("location", ["", "https://elsewhere.example/", "/admin/v1/clients", f"{UPLOADS}/../x"])
def test_a_location_that_is_no_upload_is_refused(location: str) -> None:
    with pytest.raises(UploadError, match="odd place"):
        place_of("http://a", location)


def test_a_memory_of_two_months_ago_goes_when_there_is_a_new_one(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    archive.upload(upload)
    (old,) = memories(upload)
    os.utime(old, (0, 0))

    archive.upload(Upload(upload.path, "AUTRE", memory=upload.memory))

    assert old not in memories(upload)
    assert len(memories(upload)) == 1
    assert len(uploads.uploads) == 2


def test_a_memory_is_of_the_bytes_it_was_made_of(archive: Client, uploads: UploadDouble, upload: Upload) -> None:
    archive.upload(upload)
    (memory,) = memories(upload)

    body = json.loads(memory.read_text(encoding="utf-8"))
    assert body["location"] in uploads.uploads
    assert body["identity"]["size"] == upload.path.stat().st_size
    assert body["identity"]["aim"]["path"] == str(upload.path.resolve())
