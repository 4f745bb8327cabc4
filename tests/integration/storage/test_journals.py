"""Containers of journal lines are kept as AIPs are, and what tells of their copies does not feed them for ever."""

from uuid import UUID

import pytest

from services.storage.handlers import WRITE
from services.storage.journals import journal_id, take_journals
from shared.checksums import sha512_of
from shared.messages.proof import JournalClosedV1
from shared.messages.storage import AipStoredV1, JournalStoredV1
from shared.messaging.outcome import Rejected
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot

pytestmark = pytest.mark.integration

ESTABLISHMENT = UUID("01930000-0000-7000-8000-000000000001")


def a_container(content: bytes, number: int = 1, establishment: UUID | None = ESTABLISHMENT) -> JournalClosedV1:
    journal = f"archives.{establishment or 'platform'}"
    return JournalClosedV1(
        journal=journal,
        kind="archives",
        establishment=establishment,
        number=number,
        first=number * 10 - 9,
        last=number * 10,
        head="0" * 128,
        staging_key=f"journals/{journal}.{number}.ndjson",
        sha512=sha512_of(content),
        size=len(content),
    )


async def take(depot: Depot, *messages: JournalClosedV1) -> None:
    async with depot.database.begin() as tx:
        await take_journals(sorted(depot.sites))(tx, messages)


async def hand_over(depot: Depot, content: bytes, number: int = 1) -> JournalClosedV1:
    message = a_container(content, number)
    await depot.staging.put(message.staging_key, content)
    await take(depot, message)
    return message


@pytest.mark.parametrize("kind", ["folders", "buckets"])
async def test_a_container_stands_on_every_site_and_staging_may_forget_it(open_depot: OpenDepot, kind: str) -> None:
    depot = await open_depot(kind)
    first = await hand_over(depot, b'{"number":1}\n')
    second = await hand_over(depot, b'{"number":11}\n', 2)
    await depot.write()
    assert await depot.told(JournalStoredV1) == []

    await depot.verify()

    key = f"{ESTABLISHMENT}/journals/archives/0000000000000011-0000000000000020.ndjson"
    for site, copy in (await depot.copies(journal_id(second.journal))).items():
        assert copy.key == key
        assert await depot.kept(site, key, copy.version_id) == b'{"number":11}\n'
    told = await depot.told(JournalStoredV1)
    assert {(one.number, one.sha512) for one in told} == {(1, first.sha512), (2, second.sha512)}
    assert await depot.told(AipStoredV1) == []


async def test_what_a_rebuild_wants_is_kept_beside_it(depot: Depot) -> None:
    message = await hand_over(depot, b"{}\n")

    held = await depot.holding(journal_id(message.journal))

    assert (held.kind, held.version, held.establishment) == ("journal", 1, ESTABLISHMENT)
    wanted = {name: held.facts[name] for name in ("journal", "kind", "first", "last", "head")}
    assert wanted == {"journal": message.journal, "kind": "archives", "first": 1, "last": 10, "head": "0" * 128}


async def test_lines_about_a_container_are_the_platforms_writes_and_no_establishments(depot: Depot) -> None:
    await hand_over(depot, b"{}\n")
    await depot.work_off()

    lines = await depot.lines("copy.written") + await depot.lines("journal.stored")

    assert len(lines) == 3
    assert {(line.kind, line.establishment) for line in lines} == {("writes", None)}


async def test_a_container_told_of_twice_is_one(depot: Depot) -> None:
    message = await hand_over(depot, b"{}\n")
    await depot.work_off()

    await take(depot, message, message)

    assert await depot.work() == []


async def test_a_container_of_other_bytes_under_the_same_number_is_refused(depot: Depot) -> None:
    await hand_over(depot, b"{}\n")

    with pytest.raises(Rejected):
        await take(depot, a_container(b"[]\n"))


@pytest.mark.parametrize("staged", [None, b"[]\n"])
async def test_what_staging_does_not_have_whole_is_waited_for(depot: Depot, staged: bytes | None) -> None:
    message = a_container(b"{}\n")
    if staged is not None:
        await depot.staging.put(message.staging_key, staged)
    await take(depot, message)

    assert await depot.refused_for_now(depot.keeper.write, WRITE) == 2

    await depot.staging.delete(message.staging_key)
    await depot.staging.put(message.staging_key, b"{}\n")
    await depot.release()
    await depot.work_off()
    assert (await depot.holding(journal_id(message.journal))).state == "stored"
