"""Anchors: what moved since the last one, signed, numbered without a gap, staged once whatever dies."""

import asyncio

import pytest
from sqlalchemy import select, update

from services.proof.anchoring import anchor_content
from services.proof.domain.read_proofs import NotTheProof, read_anchor
from services.proof.proof_measures import ANCHOR_AGE, AWAITED, measure_anchors
from services.proof.tables import anchor, filed
from shared import faults
from shared.database.plumbing import outbox
from shared.messages.proof import ProofFiledV1
from shared.messages.storage import ProofStoredV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject
from tests.builders.journal import a_line
from tests.integration.proof.seals import Hands, Telling, behind, payload_of
from tests.servers import Databases

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_yet")]

PLATFORM = a_line(kind="events", establishment=None)


class Died(Exception):
    """The process was killed here."""


async def told(database: RoomDatabase) -> list[ProofFiledV1]:
    query = select(outbox.c.body).where(outbox.c.topic == ProofFiledV1.topic).order_by(outbox.c.message_id)
    async with database.reading() as connection:
        return [ProofFiledV1.model_validate_json(body) for body in await connection.scalars(query)]


async def store_all(ours: Hands) -> None:
    async with ours.database.begin() as tx:
        await ours.filer.forget_stored(
            tx,
            [ProofStoredV1(kind=one.kind, number=one.number, sha512=one.sha512) for one in await told(ours.database)],
        )


async def test_an_anchor_tells_where_every_journal_and_sender_has_come_to(ours: Hands, tell: Telling) -> None:
    await tell(a_line(), a_line())
    await tell(a_line())

    assert await ours.anchorer.anchor() == 1

    said = payload_of(await ours.staged("anchor", 1))
    (head,), (batch,) = said["heads"], said["senders"]
    assert (said["format"], said["number"], said["previous"], said["seal"]) == ("chartrier-anchor/1", 1, None, None)
    assert (head["number"], batch["sender"], batch["batch"]) == (3, "ingest", 2)
    assert said["probative"] is False


async def test_the_next_one_names_what_moved_and_the_one_before(ours: Hands, tell: Telling) -> None:
    await tell(a_line(), PLATFORM)
    await ours.anchorer.anchor()
    await tell(PLATFORM)

    await ours.anchorer.anchor()
    await ours.anchorer.anchor()

    first, second, third = [read_anchor(await ours.staged("anchor", number), number) for number in (1, 2, 3)]
    assert [second.previous, third.previous] == [first.sha512, second.sha512]
    assert {name: head.number for name, head in second.heads.items()} == {"events.platform": 2}
    assert (third.heads, third.senders) == ({}, {})


async def test_one_is_made_each_period_and_not_before(
    ours: Hands, database: RoomDatabase, databases: Databases
) -> None:
    assert [await ours.anchorer.anchor_due(database) for _ in range(2)] == [1, 0]

    await databases.as_superuser(behind("UPDATE proof.anchor SET at = at - interval '5 minutes'"))

    assert [await ours.anchorer.anchor_due(database) for _ in range(2)] == [1, 0]


async def test_of_several_processes_one_makes_it(ours: Hands, database: RoomDatabase, tell: Telling) -> None:
    await tell(a_line())

    made = await asyncio.gather(*(ours.anchorer.anchor() for _ in range(4)))

    async with database.reading() as connection:
        numbers = list(await connection.scalars(select(anchor.c.number).order_by(anchor.c.number)))
    assert numbers == list(range(1, sum(made) + 1))
    assert [one.number for one in await told(database)] == numbers


@pytest.mark.parametrize("place", ["proof.anchor.kept", "proof.file.staged", "proof.file.told"])
async def test_whatever_dies_it_leaves_once(
    ours: Hands, database: RoomDatabase, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strike(name: str) -> None:
        if name == place:
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(faults, "strike", strike)
        with pytest.raises(Died):
            await ours.anchorer.anchor_due(database)

    await ours.anchorer.anchor_due(database)

    (message,) = await told(database)
    assert (message.kind, message.number) == ("anchor", 1)
    assert (await ours.staging.sha512(message.staging_key)).sha512 == message.sha512


async def test_anchors_that_could_not_leave_go_first(
    ours: Hands, database: RoomDatabase, tell: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one of them names, no later one does."""

    async def away(*_: object) -> None:
        raise TryAgain("staging: away")

    await tell(a_line())
    with monkeypatch.context() as outage:
        outage.setattr(ours.filer, "file", away)
        for _ in range(2):
            with pytest.raises(TryAgain):
                await ours.anchorer.anchor()
    assert await told(database) == []

    await ours.anchorer.anchor_due(database)

    assert [one.number for one in await told(database)] == [1]
    assert payload_of(await ours.staged("anchor", 1))["heads"]


async def test_staging_forgets_what_every_site_has(ours: Hands) -> None:
    await ours.anchorer.anchor()

    await store_all(ours)

    with pytest.raises(NoSuchObject):
        await ours.staged("anchor", 1)
    with pytest.raises(LookupError):
        await anchor_content(ours.database, 1)


async def test_what_staging_lost_is_put_there_again(ours: Hands, databases: Databases) -> None:
    await ours.anchorer.anchor()
    (message,) = await told(ours.database)
    await ours.staging.delete(message.staging_key)
    assert await ours.filer.mend_staging(ours.database) == 0

    await databases.as_superuser(behind("UPDATE proof.filed SET filed_at = filed_at - interval '2 hours'"))

    assert await ours.filer.mend_staging(ours.database) == 1
    assert [one.sha512 for one in await told(ours.database)] == [message.sha512] * 2
    assert (await ours.staging.sha512(message.staging_key)).sha512 == message.sha512


async def test_the_age_of_what_proves_is_shown(ours: Hands, database: RoomDatabase, databases: Databases) -> None:
    await ours.anchorer.anchor()
    await databases.as_superuser(behind("UPDATE proof.filed SET filed_at = filed_at - interval '1 hour'"))
    await measure_anchors(database)
    assert (ANCHOR_AGE._value.get(), AWAITED._value.get() >= 3600) == (0.0, True)  # noqa: SLF001 (as it is shown)

    await store_all(ours)
    await databases.as_superuser(behind("UPDATE proof.anchor SET at = at - interval '20 minutes'"))
    await measure_anchors(database)

    assert ANCHOR_AGE._value.get() >= 1200  # noqa: SLF001 (as it is shown)
    assert AWAITED._value.get() == 0  # noqa: SLF001 (as it is shown)


async def test_an_anchor_of_another_number_is_none(ours: Hands) -> None:
    await ours.anchorer.anchor()
    content = await ours.staged("anchor", 1)

    with pytest.raises(NotTheProof):
        read_anchor(content, 2)
    with pytest.raises(NotTheProof):
        read_anchor(b"no.anchor", 1)


async def test_nothing_here_lets_the_room_change_an_anchor(database: RoomDatabase, ours: Hands) -> None:
    await ours.anchorer.anchor()

    for change in (update(anchor).values(sha512=b"x"), update(filed).values(sha512=b"x"), anchor.delete()):
        with pytest.raises(Exception, match="permission denied"):
            async with database.begin() as tx:
                await tx.connection.execute(change)
