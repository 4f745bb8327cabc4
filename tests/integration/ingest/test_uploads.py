"""A SIP that comes in over several requests is a transfer like any other; what does not fit is told and not kept."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.ingest.uploads import assembling
from shared.checksums import sha512_of
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.ingest import SipReceivedV1
from tests.builders.callers import a_token
from tests.integration.ingest.bench import Bench, in_chunks
from tests.integration.ingest.uploading import BYTES, PLACE, TUS, Desk, a_desk, metadata, working

pytestmark = pytest.mark.integration

CONTENT = b"any bytes are taken in; the checks come later\n" * 1000
HALF = len(CONTENT) // 2


@pytest.fixture
async def desk(bench: Bench) -> AsyncIterator[Desk]:
    async with working(bench), a_desk(bench) as opened:
        yield opened


def checksum(content: bytes, name: str = "sha256") -> str:
    return f"{name} {base64.b64encode(hashlib.new(name, content).digest()).decode()}"


async def test_anyone_may_ask_what_is_spoken_here(desk: Desk) -> None:
    answer = await desk.http.options(PLACE, headers={"Authorization": ""})

    assert answer.status_code == 204
    assert answer.headers["tus-version"] == answer.headers["tus-resumable"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,creation-with-upload,checksum,expiration,termination"
    assert answer.headers["tus-max-size"] == str(desk.bench.ingest.settings.max_sip_bytes)
    assert answer.headers["tus-checksum-algorithm"] == "sha256,sha512,sha1"


async def test_an_upload_in_two_requests_is_a_transfer_bit_for_bit(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT), filename="versement.zip", sha512=sha512_of(CONTENT).upper())

    first = await desk.append(place, 0, CONTENT[:HALF])
    assert (first.status_code, first.headers["upload-offset"]) == (204, str(HALF))
    assert "chartrier-transfer" not in first.headers
    assert await desk.offset(place) == HALF
    last = await desk.append(place, HALF, CONTENT[HALF:])

    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(CONTENT)))
    view = await desk.shown(place)
    assert view["transfer"] == last.headers["chartrier-transfer"]
    assert (view["state"], view["offset"], view["length"], view["problem"]) == (
        "completed",
        len(CONTENT),
        len(CONTENT),
        None,
    )
    transfer = await desk.bench.transfer(UUID(view["transfer"].rpartition("/")[2]))
    assert (transfer.sha512, transfer.size, transfer.filename) == (sha512_of(CONTENT), len(CONTENT), "versement.zip")
    assert (transfer.depositor, transfer.establishment) == ("client:tests", desk.agreement.establishment)
    assert await desk.bench.staged(transfer.staging_key) == CONTENT
    (message,) = await desk.bench.told(SipReceivedV1)
    assert (message.transfer_id, message.staging_key) == (transfer.id, f"sips/{transfer.id}")
    assert len(await desk.bench.lines("transfer.received")) == 1
    async with asyncio.timeout(30):
        while desk.bench.staged_keys() != {transfer.staging_key}:
            await asyncio.sleep(0.02)


async def test_head_tells_what_was_told(desk: Desk) -> None:
    place = await desk.begin(10, filename="é.zip")

    answer = await desk.http.head(place, headers=TUS)

    assert (answer.headers["upload-offset"], answer.headers["upload-length"]) == ("0", "10")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-metadata"] == metadata(agreement=str(desk.agreement.id), filename="é.zip")
    hours = desk.bench.ingest.settings.upload_hours
    rest = parsedate_to_datetime(answer.headers["upload-expires"]) - datetime.now(UTC)
    assert abs(rest - timedelta(hours=hours)) < timedelta(minutes=5)


async def test_the_first_bytes_may_come_with_the_creation(desk: Desk) -> None:
    headers = {
        **BYTES,
        "Upload-Length": str(len(CONTENT)),
        "Upload-Metadata": metadata(agreement=str(desk.agreement.id)),
    }

    begun = await desk.http.post(PLACE, content=CONTENT[:HALF], headers=headers)
    assert (begun.status_code, begun.headers["upload-offset"]) == (201, str(HALF))
    await desk.append(begun.headers["location"], HALF, CONTENT[HALF:])
    assert await desk.transfer_bytes(begun.headers["location"]) == CONTENT

    spoilt = await desk.http.post(PLACE, content=b"x", headers={**headers, "Upload-Checksum": checksum(b"y")})
    assert spoilt.status_code == 460
    assert await desk.offset(spoilt.headers["location"]) == 0


async def test_the_same_bytes_again_are_the_same_transfer(desk: Desk) -> None:
    posted = await desk.bench.deposit(CONTENT, desk.agreement)
    place = await desk.begin(len(CONTENT))

    last = await desk.append(place, 0, CONTENT)

    assert last.headers["chartrier-transfer"] == f"/ingest/v1/transfers/{posted.id}"
    assert len(await desk.bench.told(SipReceivedV1)) == 1


async def test_a_dry_run_may_be_uploaded(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT), dry_run="true")

    last = await desk.append(place, 0, CONTENT)

    transfer = await desk.bench.transfer(UUID(last.headers["chartrier-transfer"].rpartition("/")[2]))
    assert transfer.dry_run
    assert await desk.bench.told(SipReceivedV1) == []


async def test_other_bytes_than_the_whole_was_announced_with_are_refused_and_journaled(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT), sha512="0" * 128)

    last = await desk.append(place, 0, CONTENT)

    assert (last.status_code, last.json()["code"]) == (400, "digest_mismatch")
    view = await desk.shown(place)
    assert (view["state"], view["transfer"], view["problem"]["code"]) == ("refused", None, "digest_mismatch")
    assert (await desk.http.head(place, headers=TUS)).status_code == 410
    assert (await desk.append(place, len(CONTENT), b"")).json()["code"] == "digest_mismatch"
    assert (await desk.append(place, 0, CONTENT)).json()["code"] == "upload_refused"
    assert await desk.reasons() == ["digest_mismatch"]
    async with asyncio.timeout(30):
        while desk.bench.staged_keys():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("offset", [0, HALF - 1, HALF + 1, len(CONTENT)])
async def test_bytes_that_do_not_follow_are_refused_and_told_where_to_go_on(desk: Desk, offset: int) -> None:
    place = await desk.begin(len(CONTENT))
    await desk.append(place, 0, CONTENT[:HALF])

    answer = await desk.append(place, offset, b"x")

    assert (answer.status_code, answer.json()["code"], answer.json()["offset"]) == (409, "wrong_offset", HALF)
    assert await desk.offset(place) == HALF
    assert await desk.reasons() == []


@pytest.mark.parametrize("name", ["sha256", "sha512", "sha1"])
async def test_a_chunk_with_a_checksum_is_kept_whole_or_not_at_all(desk: Desk, name: str) -> None:
    place = await desk.begin(len(CONTENT))

    wrong = await desk.append(place, 0, CONTENT[:HALF], Upload_Checksum=checksum(CONTENT, name))
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert (await desk.offset(place), desk.bench.staged_keys()) == (0, set())
    assert await desk.reasons() == ["checksum_mismatch"]
    right = await desk.append(place, 0, CONTENT[:HALF], Upload_Checksum=checksum(CONTENT[:HALF], name))
    assert (right.status_code, await desk.offset(place)) == (204, HALF)


async def test_the_last_request_may_be_sent_again_when_its_answer_was_lost(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    last = await desk.append(place, 0, CONTENT)

    again = await desk.append(place, len(CONTENT), b"")

    assert again.status_code == 204
    assert again.headers["chartrier-transfer"] == last.headers["chartrier-transfer"]
    more = await desk.append(place, len(CONTENT), b"x")
    assert (more.status_code, more.json()["code"]) == (413, "beyond_length")


PATCHES: dict[str, tuple[dict[str, str], bytes, int]] = {
    "tus_version": ({"Tus-Resumable": "0.2.2"}, b"x", 412),
    "not_offset_octet_stream": ({"Content-Type": "application/octet-stream"}, b"x", 415),
    "checksum_algorithm": ({"Upload-Checksum": "md5 AAAA"}, b"x", 400),
    "checksum_malformed": ({"Upload-Checksum": "sha256 AAAA"}, b"x", 400),
    "beyond_length": ({}, CONTENT + b"x", 413),
    "invalid_request": ({"Upload-Offset": "-1"}, b"x", 422),
}


@pytest.mark.parametrize("code", PATCHES)
async def test_a_request_that_cannot_be_is_refused_and_changes_nothing(desk: Desk, code: str) -> None:
    headers, content, status = PATCHES[code]
    place = await desk.begin(len(CONTENT))

    answer = await desk.append(place, 0, content, **headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await desk.offset(place), desk.bench.staged_keys()) == (0, set())


async def test_more_bytes_than_announced_are_refused_though_nobody_said_how_many_come(desk: Desk) -> None:
    place = await desk.begin(HALF)

    answer = await desk.append(place, 0, in_chunks(CONTENT))

    assert (answer.status_code, answer.json()["code"]) == (413, "beyond_length")
    assert await desk.reasons() == ["beyond_length"]
    assert (await desk.row(place)).state == "receiving"


CREATIONS: dict[str, tuple[dict[str, Any], int]] = {
    "length_missing": ({"Upload-Length": None}, 400),
    "length_deferred": ({"Upload-Length": None, "Upload-Defer-Length": "1"}, 400),
    "tus_version": ({"Tus-Resumable": None}, 412),
    "metadata_malformed": ({"Upload-Metadata": "agreement ???"}, 400),
    "invalid_request": ({"Upload-Length": "1e3"}, 422),
    "agreement_unknown": ({"Upload-Metadata": metadata(agreement=str(uuid4()))}, 403),
    "too_large": ({"Upload-Length": "101"}, 413),
}


@pytest.mark.parametrize("code", CREATIONS)
async def test_what_could_never_be_taken_in_is_refused_at_its_creation(bench: Bench, code: str) -> None:
    changed, status = CREATIONS[code]
    agreement = await bench.agreement(max_bytes=100)
    async with a_desk(bench, agreement) as desk:
        usual = {**TUS, "Upload-Length": "100", "Upload-Metadata": metadata(agreement=str(agreement.id))}
        headers = {name: value for name, value in {**usual, **changed}.items() if value is not None}
        answer = await desk.http.post(PLACE, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await bench.databases.as_superuser("SELECT 1 FROM ingest.upload") == []
    if code in {"too_large", "agreement_unknown"}:
        assert await desk.reasons() == [code]


async def test_an_agreement_suspended_meanwhile_refuses_what_comes_of_it(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    suspended = desk.agreement.model_copy(update={"version": 2, "state": "suspended"})
    await desk.bench.keep(suspended)

    last = await desk.append(place, 0, CONTENT)

    assert (last.status_code, last.json()["code"]) == (409, "agreement_suspended")
    assert (await desk.shown(place))["state"] == "refused"
    assert await desk.reasons() == ["agreement_suspended"]


async def test_an_upload_is_seen_by_whoever_began_it_and_may_still_deposit(desk: Desk) -> None:
    place, town = await desk.begin(10), desk.agreement.establishment
    others = {
        "a colleague": a_token(Role.DEPOSITOR, town, subject="colleague"),
        "moved to another town": a_token(Role.DEPOSITOR, new_id()),
    }
    for token in others.values():
        async with a_desk(desk.bench, desk.agreement, token=token) as other:
            answers = [
                await other.http.get(place),
                await other.http.head(place),
                await other.http.delete(place),
                await other.append(place, 0, b"x"),
            ]
            assert [answer.status_code for answer in answers] == [404] * 4
    assert (await desk.row(place)).state == "receiving"


async def test_an_upload_that_is_deleted_is_gone_with_its_bytes(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    await desk.append(place, 0, CONTENT[:HALF])

    assert (await desk.http.delete(place, headers=TUS)).status_code == 204

    answers = [
        await desk.http.head(place, headers=TUS),
        await desk.http.get(place),
        await desk.append(place, HALF, b"x"),
        await desk.append(place, HALF, b""),
    ]
    assert [answer.status_code for answer in answers] == [410] * 4
    async with asyncio.timeout(30):
        while desk.bench.staged_keys() or await desk.pieces(place):
            await asyncio.sleep(0.02)
    assert (await desk.http.delete(place, headers=TUS)).status_code == 204


async def test_a_completed_upload_may_be_put_out_of_sight_and_its_transfer_stays(desk: Desk) -> None:
    place = await desk.begin(len(CONTENT))
    last = await desk.append(place, 0, CONTENT)

    assert (await desk.http.delete(place, headers=TUS)).status_code == 204

    assert (await desk.http.get(place)).status_code == 410
    transfer = await desk.bench.transfer(UUID(last.headers["chartrier-transfer"].rpartition("/")[2]))
    assert await desk.bench.staged(transfer.staging_key) == CONTENT


async def test_what_is_being_entered_cannot_be_taken_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "PATIENCE_SECONDS", 0)
    async with a_desk(bench) as desk:
        place = await desk.begin(len(CONTENT))
        last = await desk.append(place, 0, CONTENT)

        answer = await desk.http.delete(place, headers=TUS)

        assert (answer.status_code, answer.json()["code"]) == (409, "upload_assembling")
        # Nobody does the work here: whoever asked is not kept waiting for it.
        assert (last.status_code, (await desk.shown(place))["state"]) == (204, "assembling")
        assert "chartrier-transfer" not in last.headers
