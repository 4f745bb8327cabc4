"""What was purged is forgotten by ingest: staging, header, findings, reply; and may be deposited anew (LIF-07)."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from services.ingest import handlers
from services.ingest.domain.transfer import TransferState
from services.ingest.forgetting import forget_transfers
from services.ingest.queries import Transfer
from services.ingest.report import report
from services.ingest.views import transfer_view
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.admin import AgreementV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipPurgedV1, AipStoredV1, PurgeNews
from shared.messaging.outcome import Rejected, TryAgain
from tests.integration.ingest.bench import Bench

pytestmark = pytest.mark.integration

OPENED = {"version": 2, "formats": ()}


async def built(bench: Bench, content: bytes | None = None, agreement: AgreementV1 | None = None) -> AipBuiltV1:
    deposited = await bench.deposit(content, agreement)
    await bench.process()
    return await bench.built(deposited.id)


async def accepted(bench: Bench, content: bytes | None = None, agreement: AgreementV1 | None = None) -> AipBuiltV1:
    message = await built(bench, content, agreement)
    ids: dict[str, Any] = {
        "aip_id": message.aip_id,
        "transfer_id": message.transfer_id,
        "establishment": message.establishment,
        "version": 1,
    }
    stored = AipStoredV1(**ids, sha512=message.sha512, size=message.size, receipts=(), catalogue=message.catalogue)
    recorded = DepositRecordedV1(transfer_id=message.transfer_id, establishment=message.establishment, positions=())
    async with bench.database.begin() as tx:
        await handlers.await_catalogue(tx, [stored])
        await handlers.record_deposit(tx, [AipCataloguedV1(**ids, units=3, objects=2)])
        await handlers.grant(bench.staging, tx, [recorded])
    return message


def purge_of(message: AipBuiltV1, version: int | None = None) -> AipPurgedV1:
    return AipPurgedV1(
        order_id=new_id(),
        establishment=message.establishment,
        aip_id=message.aip_id,
        transfer_id=message.transfer_id,
        version=version,
        units=(),
        copies=2,
        size=1,
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        purged_at=now(),
    )


async def hear(bench: Bench, message: PurgeNews) -> None:
    async with bench.database.begin() as tx:
        await forget_transfers(bench.staging, tx, [message])


async def sweep(bench: Bench) -> None:
    await bench.workshop.sweep(await bench.lease(handlers.SWEEP))


async def row(bench: Bench, transfer: Transfer) -> str:
    """All that the database holds of a transfer, as text."""
    async with bench.database.reading() as connection:
        found = await connection.execute(
            text("SELECT to_jsonb(transfer) FROM transfer WHERE id = :id"), {"id": transfer.id}
        )
        return json.dumps(found.scalar_one(), ensure_ascii=False)


async def test_nothing_is_left_that_tells_what_was_in_it(bench: Bench) -> None:
    message = await accepted(bench)
    await bench.sweep()
    assert bench.staged_keys() >= {f"replies/{message.transfer_id}.xml"}

    await hear(bench, order := purge_of(message))
    await sweep(bench)

    transfer = await bench.transfer(message.transfer_id)
    assert not [key for key in bench.staged_keys() if str(message.transfer_id) in key or str(message.aip_id) in key]
    assert (transfer.state, transfer.purged_by) == (TransferState.ACCEPTED, order.order_id)
    assert (transfer.header, transfer.filename, transfer.findings, transfer.reply_key) == (None, None, [], None)
    assert "sip.zip" not in await row(bench, transfer)
    assert transfer.sha512 != ""
    (line,) = await bench.lines("aip.forgotten")
    assert (line.object, line.details["order"]) == (f"aip:{message.aip_id}", str(order.order_id))


async def test_it_is_shown_as_eliminated(bench: Bench) -> None:
    message = await accepted(bench)
    await hear(bench, order := purge_of(message))
    transfer = await bench.transfer(message.transfer_id)

    view = transfer_view(transfer, "fr")

    assert view["purged_by"] == str(order.order_id)
    assert set(view["links"]) == {"self", "report", "receipt", "copies"}
    assert "Archives éliminées" in report(transfer, "fr")
    assert "Archives eliminated" in report(transfer, "en")


async def test_the_same_bytes_and_message_may_be_deposited_anew(bench: Bench) -> None:
    agreement, content = await bench.agreement(), bench.sip()
    first = await accepted(bench, content, agreement)
    await hear(bench, purge_of(first))

    again = await built(bench, content, agreement)

    before, anew = await bench.transfer(first.transfer_id), await bench.transfer(again.transfer_id)
    assert (anew.id != before.id, anew.state) == (True, TransferState.STORING)
    assert anew.message_identifier == before.message_identifier is not None


async def test_what_was_refused_of_the_same_bytes_is_forgotten_too(bench: Bench) -> None:
    agreement, content = await bench.agreement(formats=("x-fmt/1",)), bench.sip()
    refused = await bench.deposit(content, agreement)
    await bench.process()
    assert (await bench.transfer(refused.id)).state is TransferState.REJECTED
    await bench.sweep()
    message = await accepted(bench, content, await bench.keep(agreement.model_copy(update=OPENED)))

    await hear(bench, purge_of(message))

    left = await bench.transfer(refused.id)
    assert (left.state, left.header, left.filename, left.findings) == (TransferState.REJECTED, None, None, [])


async def test_of_a_part_that_goes_the_rest_stays_accepted(bench: Bench) -> None:
    agreement, content = await bench.agreement(), bench.sip()
    message = await accepted(bench, content, agreement)

    before = await bench.transfer(message.transfer_id)
    await bench.sweep()

    await hear(bench, order := purge_of(message, version=2))

    transfer = await bench.transfer(message.transfer_id)
    reduced = f"replies/{transfer.id}-{order.order_id}.xml"
    assert (transfer.purged_by, transfer.findings, transfer.reply_key) == (None, before.findings, reduced)
    assert (await bench.deposit(content, agreement)).id == message.transfer_id
    # Another reply has taken its place; what tells of the deposit as a whole is the proof of all that stays.
    await bench.sweep()
    assert f"replies/{message.transfer_id}.xml" not in bench.staged_keys()
    assert (transfer.header is not None, transfer.filename) == (True, "sip.zip")


async def test_told_twice_it_is_one_end(bench: Bench) -> None:
    message = await accepted(bench)
    order = purge_of(message)
    await hear(bench, order)
    await hear(bench, order)

    assert len(await bench.lines("aip.forgotten")) == 1


async def test_a_transfer_that_is_not_accepted_yet_is_waited_for(bench: Bench) -> None:
    message = await built(bench)

    with pytest.raises(TryAgain, match="not accepted yet"):
        await hear(bench, purge_of(message))


async def test_a_purge_of_another_aip_is_refused(bench: Bench) -> None:
    message = await accepted(bench)

    with pytest.raises(Rejected, match="is not that of AIP"):
        await hear(bench, purge_of(message).model_copy(update={"aip_id": new_id()}))
