"""Of a deposit that was eliminated in part its proof stays; of its like nothing stays; who dies changes nothing."""

from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import insert, update

from services.ingest.arrivals import JUDGE
from services.ingest.forgetting import of_bytes, of_message
from services.ingest.queries import Transfer
from services.ingest.reception import Parcel, receive
from services.ingest.report import report
from services.ingest.tables import transfer as transfer_table
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messaging.outcome import TryAgain
from tests.builders.callers import a_token
from tests.deaths import dying_at, places_of
from tests.integration.ingest.bench import Bench, in_chunks
from tests.integration.ingest.explaining import explained
from tests.integration.ingest.test_decisions import a_door
from tests.integration.ingest.test_forgetting import OPENED, accepted, hear, purge_of, sweep

pytestmark = pytest.mark.integration


async def answer(bench: Bench, transfer: Transfer, name: str) -> tuple[int, str | None]:
    """Ask the door for an answer: the status, and by which order there is none."""
    caller = a_token(Role.ARCHIVIST, transfer.establishment)
    async with a_door(bench, caller) as door:
        found = await door.get(f"/ingest/v1/transfers/{transfer.id}/{name}")
    return found.status_code, found.json()["order"] if found.status_code == 410 else None


def refused_row(kept: Transfer, header: dict[str, Any]) -> dict[str, Any]:
    columns = ("establishment", "agreement", "agreement_version", "depositor", "staging_key", "size")
    told = {name: getattr(kept, name) for name in columns}
    return {**told, "id": new_id(), "sha512": new_id().hex, "state": "rejected", "header": header}


async def add_refused(bench: Bench, kept: Transfer, header: dict[str, Any]) -> UUID:
    async with bench.database.begin() as tx:
        await tx.connection.execute(insert(transfer_table).values(row := refused_row(kept, header)))
    return UUID(str(row["id"]))


@pytest.mark.parametrize(("version", "answered"), [(2, 200), (None, 410)], ids=["some", "all"])
async def test_answers_that_told_too_much_are_gone_by_that_order(
    bench: Bench, version: int | None, answered: int
) -> None:
    agreement, content = await bench.agreement(formats=("x-fmt/1",)), bench.sip()
    refused = await bench.deposit(content, agreement)
    await bench.process()
    message = await accepted(bench, content, await bench.keep(agreement.model_copy(update=OPENED)))
    await hear(bench, order := purge_of(message, version))

    for transfer in [await bench.transfer(message.transfer_id), await bench.transfer(refused.id)]:
        told = None if answered == 200 else str(order.order_id)
        for name in ("reply", "acknowledgement"):
            assert await answer(bench, transfer, name) == (answered, told)


async def test_findings_that_may_tell_of_what_went_lose_place_and_details(bench: Bench) -> None:
    message = await accepted(bench)
    left = {"code": "UNIT_TITLE_EMPTY", "severity": "warning", "place": "manifest.xml:9 unit-1", "params": {}}
    gone = {"code": "UNIT_TITLE_EMPTY", "severity": "warning", "place": "manifest.xml:9 unit-2", "params": {}}
    async with bench.database.begin() as tx:
        await tx.connection.execute(update(transfer_table).values(findings=[left, gone]))
    unit = uuid5(message.aip_id, "unit:unit-2")

    await hear(bench, purge_of(message, 2).model_copy(update={"units": (unit,)}))

    transfer = await bench.transfer(message.transfer_id)
    assert transfer.findings == [left, {**gone, "place": ""}]
    assert "Lieu effacé" in report(transfer, "fr")
    assert "Place erased" in report(transfer, "en")


async def test_a_refusal_of_the_same_message_in_other_bytes_is_forgotten_too(bench: Bench) -> None:
    agreement, content = await bench.agreement(), bench.sip()
    message = await accepted(bench, content, agreement)
    kept = await bench.transfer(message.transfer_id)
    header = kept.header or {}
    others = [
        await add_refused(bench, kept, header),
        await add_refused(bench, kept, {**header, "transferring_agency": "un autre service"}),
    ]

    await hear(bench, purge_of(message))

    assert [(await bench.transfer(one)).header is None for one in others] == [True, False]


async def test_what_is_still_judged_of_the_same_bytes_is_waited_for(bench: Bench) -> None:
    agreement, content = await bench.agreement(), bench.sip()
    message = await accepted(bench, content, agreement)
    parcel = Parcel(in_chunks(content), len(content), {}, "sip.zip", dry_run=True)
    trial, _ = await receive(bench.ingest, agreement, "client:tests", parcel)

    with pytest.raises(TryAgain, match="still being judged"):
        await hear(bench, order := purge_of(message))
    await bench.workshop.process(await bench.lease(JUDGE))
    await hear(bench, order)

    rows = await bench.databases.as_superuser("SELECT id FROM ingest.transfer")
    assert ({row["id"] for row in rows}, trial.dry_run) == ({message.transfer_id}, True)


async def test_what_is_alike_is_found_by_indexes(bench: Bench) -> None:
    message = await accepted(bench)
    kept = await bench.transfer(message.transfer_id)
    async with bench.database.begin() as tx:
        rows = [refused_row(kept, {**(kept.header or {}), "message_identifier": f"m-{n}"}) for n in range(3000)]
        await tx.connection.execute(insert(transfer_table), rows)
    await bench.databases.as_superuser("ANALYZE ingest.transfer")

    async with bench.database.reading() as connection:
        plans = [await explained(connection, one, {}) for one in (of_bytes(kept), of_message(kept))]

    assert ["ix_transfer_bytes" in plans[0], "ix_transfer_message_over" in plans[1]] == [True, True]


@pytest.mark.parametrize("version", [None, 2], ids=["all", "some"])
@pytest.mark.parametrize("place", places_of("ingest.forget"))
async def test_whoever_dies_there_the_end_is_the_same(bench: Bench, place: str, version: int | None) -> None:
    message = await accepted(bench)
    await bench.sweep()
    order = purge_of(message, version)

    with dying_at(place):
        await hear(bench, order)
        await sweep(bench)
    await bench.release()
    await hear(bench, order)
    await sweep(bench)

    left = await bench.transfer(message.transfer_id)
    assert (left.purged_by, left.forgotten_by) == (None if version else order.order_id, order.order_id)
    reduced = {f"replies/{left.id}-{order.order_id}.xml"} if version else set()
    assert {key for key in bench.staged_keys() if str(message.transfer_id) in key} == reduced
    assert (len(await bench.lines("aip.forgotten")), await bench.work()) == (1, set())
