"""An archive that is away for a while, or a refusal that is not of the upload, loses nothing of what has arrived."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from chartrier_client import AsyncClient, Client, Problem, Unreachable, Upload, UploadMemory
from chartrier_client.command import main
from chartrier_client.language import Text
from tests.unit.client.upload_double import Trouble, UploadDouble

PIECE = 1000
# Each question is asked five times by itself: this many are more than two of them.
LONG = 12


@pytest.fixture
def archive(uploads: UploadDouble, pauses: list[float]) -> Iterator[Client]:
    with Client(uploads.url, "the-client", "its-secret", pause=pauses.append) as client:
        yield client


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    path = tmp_path / "sip.zip"
    path.write_bytes(random.Random(2).randbytes(3 * PIECE))  # noqa: S311 (no secret)
    return Upload(path, "ACCORD", memory=UploadMemory(tmp_path / "state"), piece=PIECE)


def is_remembered(upload: Upload) -> bool:
    assert upload.memory is not None
    return any(upload.memory.folder.glob("*.json"))


@pytest.mark.parametrize("status", [0, 502, 503], ids=["hanging up", "502", "503"])
@pytest.mark.parametrize("asked", ["HEAD", "TOKEN"])
def test_an_archive_that_is_away_for_a_while_is_waited_for(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float], asked: str, status: int
) -> None:
    def leave() -> None:
        uploads.away[asked] = [status] * LONG

    uploads.token_lasts = 1
    uploads.troubles = [None, Trouble(meanwhile=leave)]

    assert archive.upload(upload) == "tr-1"

    assert uploads.away == {asked: []}
    assert uploads.only.content == upload.path.read_bytes()
    assert sum(pauses) > 8


async def test_the_asyncio_client_waits_as_well(uploads: UploadDouble, upload: Upload) -> None:
    def leave() -> None:
        uploads.away = {"HEAD": [0] * LONG, "TOKEN": [0] * LONG}

    async def pause(_: float) -> None:
        """Tests have no time."""

    uploads.token_lasts = 1
    uploads.troubles = [None, Trouble(meanwhile=leave)]

    async with AsyncClient(uploads.url, "the-client", "its-secret", pause=pause) as archive:
        assert await archive.upload(upload) == "tr-1"
    assert uploads.away == {"HEAD": [], "TOKEN": []}
    assert uploads.only.content == upload.path.read_bytes()


def test_an_archive_that_is_away_at_the_end_is_asked_again_for_the_transfer(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.known_at_once = False
    uploads.away = {"GET": [0] * LONG}

    assert archive.upload(upload) == "tr-1"


@pytest.mark.parametrize("asked", ["HEAD", "TOKEN"])
def test_an_archive_that_stays_away_ends_the_call_and_not_the_upload(
    archive: Client, uploads: UploadDouble, upload: Upload, asked: str
) -> None:
    def leave() -> None:
        uploads.away[asked] = [0] * 1000

    uploads.token_lasts = 1
    uploads.troubles = [None, Trouble(meanwhile=leave)]
    with pytest.raises(Unreachable, match="goes on with it"):
        archive.upload(upload)

    uploads.away = {asked: [0] * LONG}
    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


def test_a_wrong_secret_is_not_waited_for(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float]
) -> None:
    def change() -> None:
        uploads.away["TOKEN"] = [401] * 1000

    uploads.token_lasts = 1
    uploads.troubles = [None, Trouble(meanwhile=change)]

    with pytest.raises(Problem) as caught:
        archive.upload(upload)
    assert caught.value.status == 401
    assert pauses == [0.5]
    assert is_remembered(upload)


def test_a_last_piece_that_finds_no_room_is_sent_again(
    archive: Client, uploads: UploadDouble, upload: Upload, pauses: list[float]
) -> None:
    uploads.troubles = [None, None, Trouble(507, headers={"Retry-After": "9"})]

    assert archive.upload(upload) == "tr-1"
    assert (uploads.count("POST"), pauses) == (1, [9.0])


def test_no_room_in_the_long_run_is_told_of_and_the_upload_remembered(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.troubles = [None, None, *[Trouble(507)] * 100]

    with pytest.raises(Problem) as caught:
        archive.upload(upload)
    assert caught.value.status == 507

    uploads.troubles = []
    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


@pytest.mark.parametrize("status", [403, 401, 400, 404, 410])
def test_a_refusal_that_is_not_of_the_upload_does_not_forget_it(
    archive: Client, uploads: UploadDouble, upload: Upload, status: int
) -> None:
    # A proxy's, or for a mandate that is given back: the archive still awaits these bytes.
    uploads.states = [{"state": "receiving"}]
    uploads.troubles = [None, None, *[Trouble(status)] * 2]

    with pytest.raises(Problem) as caught:
        archive.upload(upload)
    assert caught.value.status == status

    uploads.troubles = []
    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


@pytest.mark.parametrize("told", [[404], [410], [403], [503] * LONG, [0] * LONG], ids=lambda told: str(told[0]))
def test_a_refused_piece_is_forgotten_only_by_an_upload_that_is_not_there(
    archive: Client, uploads: UploadDouble, upload: Upload, told: list[int]
) -> None:
    uploads.troubles = [None, None, Trouble(403)]
    uploads.away = {"GET": list(told)}

    with pytest.raises(Problem) as caught:
        archive.upload(upload)

    assert caught.value.status == 403
    assert is_remembered(upload) == (told[0] not in {404, 410})


def test_a_proxy_that_knows_no_such_address_for_a_while_does_not_begin_it_anew(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    uploads.states = [{"state": "receiving"}]
    uploads.troubles = [None, Trouble()]
    uploads.away = {"HEAD": [404]}

    with pytest.raises(Problem):
        archive.upload(upload)
    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


def test_a_token_that_is_not_found_says_nothing_of_the_upload(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    def leave() -> None:
        uploads.away["TOKEN"] = [404]

    uploads.token_lasts = 1
    uploads.troubles = [None, Trouble(meanwhile=leave)]

    with pytest.raises(Problem):
        archive.upload(upload)
    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


@pytest.mark.parametrize("answer", [200, 204])
def test_an_answer_without_an_offset_is_no_reason_to_begin_anew(
    archive: Client, uploads: UploadDouble, upload: Upload, answer: int
) -> None:
    # The page of a network that wants somebody to sign in.
    uploads.troubles = [None, Trouble()]
    uploads.away = {"HEAD": [answer] * 3}

    assert archive.upload(upload) == "tr-1"
    assert uploads.count("POST") == 1


def test_a_memory_that_cannot_be_written_is_told_of_once_and_done_without(
    archive: Client, uploads: UploadDouble, upload: Upload, tmp_path: Path
) -> None:
    told: list[Text] = []
    (tmp_path / "file").touch()
    memory = UploadMemory(tmp_path / "file" / "below", told.append)
    again = Upload(upload.path, "ACCORD", memory=memory, piece=PIECE)
    uploads.troubles = [Trouble(410, meanwhile=uploads.uploads.clear)]

    assert archive.upload(again) == "tr-1"
    archive.forget(again)

    (text,) = told
    assert text.en.startswith("this upload will not go on after a stop")
    assert text.en.endswith(f"{tmp_path / 'file' / 'below'}: is not a folder")


def test_without_anybody_to_hear_it_a_lost_memory_is_a_warning(
    archive: Client, upload: Upload, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    lost = Upload(upload.path, "ACCORD", memory=UploadMemory(tmp_path / "file" / "below"), piece=PIECE)

    with pytest.warns(RuntimeWarning, match="will not go on"):
        assert archive.upload(lost) == "tr-1"


def test_the_command_deposits_without_a_memory_and_says_so(
    uploads: UploadDouble, upload: Upload, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    environment = {
        "CHARTRIER_URL": uploads.url,
        "CHARTRIER_CLIENT_ID": "the-client",
        "CHARTRIER_CLIENT_SECRET": "its-secret",
        "XDG_STATE_HOME": str(tmp_path / "file"),
    }

    assert main(["deposit", str(upload.path), "--agreement", "A", "--resumable", "--json"], environment) == 0

    assert uploads.only.content == upload.path.read_bytes()
    assert capsys.readouterr().err.count("ne reprendra pas après un arrêt") == 1


def test_a_memory_that_somebody_else_tidies_away_is_no_failure(
    archive: Client, uploads: UploadDouble, upload: Upload
) -> None:
    assert upload.memory is not None
    upload.memory.folder.mkdir()
    # As a file that is there when the folder is read, and gone when it is looked at.
    (upload.memory.folder / "gone.json").symlink_to(upload.memory.folder / "nowhere")
    told: list[Text] = []
    memory = UploadMemory(upload.memory.folder, told.append)

    assert archive.upload(Upload(upload.path, "ACCORD", memory=memory, piece=PIECE)) == "tr-1"

    assert told == []
    assert len([file for file in os.scandir(memory.folder) if not file.is_symlink()]) == 1
    assert uploads.count("POST") == 1
