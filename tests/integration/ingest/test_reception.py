"""A SIP comes in: one row and one message, or nothing at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from services.ingest.queries import Transfer
from services.ingest.reception import Parcel, receive
from shared.checksums import sha512_of
from shared.messages.admin import AgreementV1
from shared.messages.ingest import SipReceivedV1
from shared.object_store.errors import StoreUnavailable
from shared.problems import Problem
from tests.integration.ingest.bench import Bench, an_agreement, in_chunks

pytestmark = pytest.mark.integration

CONTENT = b"any bytes are taken in; the checks come later\n" * 1000
AGREEMENT = an_agreement()


def a_parcel(content: bytes = CONTENT, size: int | None = None, **digests: str) -> Parcel:
    return Parcel(in_chunks(content), size, digests, "versement.zip")


async def take(bench: Bench, parcel: Parcel, agreement: AgreementV1 = AGREEMENT) -> tuple[Transfer, bool]:
    return await receive(bench.ingest, agreement, "client:pastell", parcel)


async def rows(bench: Bench) -> int:
    return len(await bench.databases.as_superuser("SELECT 1 FROM ingest.transfer"))


async def test_new_bytes_lie_whole_in_staging_with_one_row_one_message_one_line(bench: Bench) -> None:
    transfer, new = await take(bench, a_parcel())

    assert new
    assert (transfer.state, transfer.sha512, transfer.size) == ("received", sha512_of(CONTENT), len(CONTENT))
    assert (transfer.establishment, transfer.agreement) == (AGREEMENT.establishment, AGREEMENT.id)
    assert (transfer.depositor, transfer.filename) == ("client:pastell", "versement.zip")
    assert await bench.staged(transfer.staging_key) == CONTENT
    assert await bench.transfer(transfer.id) == transfer
    (message,) = await bench.told(SipReceivedV1)
    assert (message.transfer_id, message.staging_key, message.sha512) == (
        transfer.id,
        transfer.staging_key,
        transfer.sha512,
    )
    (line,) = await bench.lines("transfer.received")
    assert (line.actor, line.transfer_id, line.details) == (
        "client:pastell",
        transfer.id,
        {
            "sha512": transfer.sha512,
            "size": transfer.size,
            "agreement": str(transfer.agreement),
            "agreement_version": transfer.agreement_version,
        },
    )


async def test_the_same_bytes_at_once_are_one_transfer_and_the_others_leave_no_trace(bench: Bench) -> None:
    taken = await asyncio.gather(*(take(bench, a_parcel()) for _ in range(8)))

    assert sorted(new for _, new in taken) == [False] * 7 + [True]
    assert len({transfer.id for transfer, _ in taken}) == 1
    assert await rows(bench) == 1
    assert bench.staged_keys() == {taken[0][0].staging_key}
    assert len(await bench.told(SipReceivedV1)) == 1
    assert len(await bench.lines("transfer.received")) == 1


async def test_the_same_bytes_of_another_establishment_are_another_transfer(bench: Bench) -> None:
    first, _ = await take(bench, a_parcel())

    second, new = await take(bench, a_parcel(), an_agreement())

    assert new
    assert first.id != second.id
    assert await rows(bench) == 2


async def test_bytes_refused_before_may_come_again(bench: Bench) -> None:
    agreement = await bench.agreement()
    first = await bench.deposit(CONTENT, agreement)
    await bench.process()

    second, new = await take(bench, a_parcel(), agreement)

    assert new
    assert first.id != second.id


@pytest.mark.parametrize(
    "parcel",
    [
        lambda: a_parcel(sha512="0" * 128),
        lambda: a_parcel(sha256="0" * 64),
        lambda: a_parcel(sha512=sha512_of(CONTENT), sha256="0" * 64),
        lambda: a_parcel(size=len(CONTENT) + 1),
        lambda: a_parcel(size=len(CONTENT) - 1),
        lambda: a_parcel(sha512=""),
    ],
    ids=["sha512", "sha256", "one of two", "too few", "too many", "empty digest"],
)
async def test_bytes_that_are_not_those_announced_leave_nothing_but_a_line(bench: Bench, parcel: object) -> None:
    assert callable(parcel)
    with pytest.raises(Problem) as refusal:
        await take(bench, parcel())

    assert (refusal.value.status, refusal.value.code) == (400, "digest_mismatch")
    assert (await rows(bench), bench.staged_keys(), await bench.told(SipReceivedV1)) == (0, set(), [])
    (line,) = await bench.lines("transfer.refused")
    assert (line.kind, line.outcome, line.actor) == ("events", "ko", "client:pastell")


async def test_right_announcements_are_taken_whatever_their_algorithm_and_case(bench: Bench) -> None:
    sha512, sha256 = sha512_of(CONTENT).upper(), hashlib.sha256(CONTENT).hexdigest()

    _, new = await take(bench, a_parcel(size=len(CONTENT), sha512=sha512, sha256=sha256))

    assert new


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]])
async def test_an_empty_body_is_no_deposit(bench: Bench, chunks: list[bytes]) -> None:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    with pytest.raises(Problem) as refusal:
        await take(bench, Parcel(body(), None, {}, None))

    assert (refusal.value.status, refusal.value.code) == (400, "empty_body")
    assert (await rows(bench), bench.staged_keys()) == (0, set())


async def test_a_sender_that_hangs_up_leaves_nothing(bench: Bench) -> None:
    async def hung_up() -> AsyncIterator[bytes]:
        yield bytes(3 * 1024 * 1024)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await take(bench, Parcel(hung_up(), None, {}, None))

    assert (await rows(bench), bench.staged_keys()) == (0, set())


async def test_without_staging_nothing_is_received(bench: Bench) -> None:
    path = bench.staging.path_of("x")
    assert path is not None
    path.parent.rename(path.parent.with_name("unmounted"))

    with pytest.raises(StoreUnavailable):
        await take(bench, a_parcel())

    assert await rows(bench) == 0
