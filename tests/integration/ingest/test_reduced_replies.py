"""Of a deposit that was eliminated in part the reply stays, without what went, and says by which order (LIF-07)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import UUID, uuid5

import pytest
from lxml import etree
from sqlalchemy import update

from services.ingest.forgetting import forget_transfers
from services.ingest.queries import Transfer
from services.ingest.tables import transfer as transfer_table
from shared.clock import now
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.ingest import AipBuiltV1
from shared.messages.storage import PurgeBegunV1
from shared.messaging.outcome import TryAgain
from tests.answers import valid_answer
from tests.builders.callers import a_token
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_decisions import a_door
from tests.integration.ingest.test_forgetting import OPENED, accepted, hear, sweep
from tests.integration.ingest.test_forgetting_in_part import add_refused
from tests.small_disks import a_small_disk, fill

pytestmark = pytest.mark.integration

FILES = ASip(tuple(AFile(f"Content/{name}.txt", f"{name}\n".encode()) for name in ("kept", "gone", "later")))


def begun(message: AipBuiltV1, units: tuple[UUID, ...], objects: tuple[UUID, ...] | None) -> PurgeBegunV1:
    return PurgeBegunV1(
        order_id=new_id(),
        establishment=message.establishment,
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        version=2,
        units=units,
        objects=objects,
        purged_at=now(),
    )


async def reply_of(bench: Bench, transfer: Transfer) -> bytes:
    """Ask the door for a reply."""
    async with a_door(bench, a_token(Role.ARCHIVIST, transfer.establishment)) as door:
        found = await door.get(f"/ingest/v1/transfers/{transfer.id}/reply")
    assert found.status_code == 200
    return found.content


def listed(reply: bytes) -> tuple[list[str], list[str]]:
    """The XML identifiers of units and objects of a valid reply."""
    root = valid_answer(reply)
    units = [str(one.get("id")) for one in root.iterfind(".//{*}ArchiveUnit")]
    return units, [str(one.get("id")) for one in root.iterfind(".//{*}BinaryDataObject")]


def ids(message: AipBuiltV1, kind: str, *xml_ids: str) -> tuple[UUID, ...]:
    return tuple(uuid5(message.aip_id, f"{kind}:{one}") for one in xml_ids)


async def before(bench: Bench) -> tuple[AipBuiltV1, Transfer, bytes]:
    message = await accepted(bench, bench.sip(FILES))
    await bench.sweep()
    transfer = await bench.transfer(message.transfer_id)
    return message, transfer, await bench.staged(str(transfer.reply_key))


@contextmanager
def a_full_disk(folder: Path) -> Iterator[None]:
    with a_small_disk(folder, 1024 * 1024):
        fill(folder, 0)
        yield


@contextmanager
def a_file_instead(folder: Path) -> Iterator[None]:
    folder.rmdir()
    folder.touch()
    yield
    folder.unlink()
    folder.mkdir()


async def test_it_has_what_is_left_and_nothing_of_what_went(bench: Bench) -> None:
    message, transfer, given = await before(bench)
    units, objects = listed(given)
    told = [(ids(message, "unit", units[1])), (ids(message, "object", objects[1]))]

    await hear(bench, order := begun(message, *told))
    await sweep(bench)

    reply = await reply_of(bench, transfer)
    root = valid_answer(reply)
    assert listed(reply) == ([units[0], *units[2:]], [objects[0], *objects[2:]])
    names = (units[1], objects[1], *map(str, (*told[0], *told[1])))
    # Between quotes or tags: one identifier may begin another.
    assert [one for one in names if f'"{one}"'.encode() in reply or f">{one}<".encode() in reply] == []
    assert str(order.order_id) in str(root.findtext("{*}Comment"))
    same = ("MessageRequestIdentifier", "GrantDate", "ReplyCode", "ArchivalAgency/{*}Identifier")
    old = valid_answer(given)
    assert [root.findtext(f"{{*}}{path}") for path in same] == [old.findtext(f"{{*}}{path}") for path in same]
    assert root.findtext("{*}MessageIdentifier") == f"{transfer.id}-atr-{order.order_id}"
    assert {key for key in bench.staged_keys() if str(transfer.id) in key} == {
        f"replies/{transfer.id}-{order.order_id}.xml"
    }


async def test_one_order_after_the_other_is_named(bench: Bench) -> None:
    message, transfer, given = await before(bench)
    units, objects = listed(given)
    orders = [begun(message, ids(message, "unit", units[n]), ids(message, "object", objects[n])) for n in (0, 1)]

    for order in orders:
        await hear(bench, order)
        await sweep(bench)

    reply = await reply_of(bench, transfer)
    comments = [str(one.text) for one in etree.fromstring(reply).iterfind("{*}Comment")]
    assert [str(order.order_id) in told for order, told in zip(orders, comments, strict=False)] == [True, True]
    assert listed(reply) == (units[2:], objects[2:])


@pytest.mark.parametrize("known", [True, False], ids=["from an older back-up", "from the site alone"])
async def test_a_rebuilt_database_leaves_no_reply_that_it_does_not_know(bench: Bench, known: bool) -> None:
    message, transfer, given = await before(bench)
    order = begun(message, (), ())
    await hear(bench, order)
    await sweep(bench)
    await bench.staging.put(str(transfer.reply_key), given)
    back = {"reply_key": transfer.reply_key if known else None, "forgotten_by": None}
    async with bench.database.begin() as tx:
        row = transfer_table.c.id == transfer.id
        await tx.connection.execute(update(transfer_table).where(row).values(back))

    async with bench.database.begin() as tx:
        await forget_transfers(None, tx, [order])
    await sweep(bench)

    assert [key for key in bench.staged_keys() if str(transfer.id) in key] == []


async def test_where_objects_that_went_are_not_told_none_is_listed(bench: Bench) -> None:
    message, transfer, given = await before(bench)
    units, _ = listed(given)

    await hear(bench, begun(message, ids(message, "unit", units[1]), None))

    assert listed(await reply_of(bench, transfer)) == ([units[0], *units[2:]], [])


@pytest.mark.parametrize("content", [b"<ArchiveTransferReply", None], ids=["spoilt", "lost"])
async def test_a_reply_that_cannot_be_read_goes_and_keeps_nothing_from_being_forgotten(
    bench: Bench, content: bytes | None
) -> None:
    message, transfer, _ = await before(bench)
    await bench.staging.delete(str(transfer.reply_key))
    if content is not None:
        await bench.staging.put(str(transfer.reply_key), content)

    await hear(bench, order := begun(message, (), None))

    kept = await bench.transfer(transfer.id)
    assert (kept.reply_key, kept.forgotten_by) == (None, order.order_id)


@pytest.mark.parametrize("trouble", ["full", "broken"])
async def test_a_scratch_disk_in_trouble_is_waited_for_and_the_reply_stays_till_then(
    bench: Bench, trouble: str
) -> None:
    message, transfer, given = await before(bench)
    units, objects = listed(given)
    order = begun(message, ids(message, "unit", units[1]), ids(message, "object", objects[1]))
    scratch = cast(Path, bench.staging.scratch())

    with a_full_disk(scratch) if trouble == "full" else a_file_instead(scratch):
        with pytest.raises(TryAgain):
            await hear(bench, order)
        assert await reply_of(bench, await bench.transfer(transfer.id)) == given
    await hear(bench, order)

    assert listed(await reply_of(bench, transfer)) == ([units[0], *units[2:]], [objects[0], *objects[2:]])


async def test_a_refusal_of_the_same_bytes_is_answered_without_what_its_findings_told(bench: Bench) -> None:
    agreement, content = await bench.agreement(formats=("x-fmt/1",)), bench.sip(FILES)
    refused = await bench.deposit(content, agreement)
    await bench.process()
    message = await accepted(bench, content, await bench.keep(agreement.model_copy(update=OPENED)))
    told = valid_answer(await bench.staged(str((await bench.transfer(refused.id)).reply_key)))

    await hear(bench, order := begun(message, (), ()))

    reply = await reply_of(bench, await bench.transfer(refused.id))
    root = valid_answer(reply)
    assert (b"gone.txt" in etree.tostring(told), b"gone.txt" in reply) == (True, False)
    assert (root.findtext("{*}ReplyCode"), root.find("{*}GrantDate")) == (told.findtext("{*}ReplyCode"), None)
    assert str(order.order_id) in str(root.findtext("{*}Comment"))


async def test_identifiers_of_the_same_message_in_other_bytes_are_nobody_knows_whose(bench: Bench) -> None:
    message, transfer, _ = await before(bench)
    other = await add_refused(bench, transfer, transfer.header or {})
    place = {"code": "UNIT_TITLE_EMPTY", "severity": "error", "place": "manifest.xml:9 dupont-jean", "params": {}}
    async with bench.database.begin() as tx:
        ours = transfer_table.c.id == other
        await tx.connection.execute(update(transfer_table).where(ours).values(findings=[place]))

    await hear(bench, begun(message, ids(message, "unit", "unit-1"), ()))

    assert [one["place"] for one in (await bench.transfer(other)).findings] == [""]
