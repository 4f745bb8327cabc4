"""What a transfer asks of the database and of staging does not depend on how many units it describes."""

from dataclasses import replace

import pytest

from services.ingest import handlers
from services.ingest.domain.transfer import TransferState
from shared.messages.data_management import AipCataloguedV1
from shared.messages.proof import DepositRecordedV1
from tests.builders.sips import a_sip_of_many_units
from tests.integration.ingest.bench import Bench, Fuse
from tests.integration.statements import statements

pytestmark = pytest.mark.integration


async def asked_by(bench: Bench, units: int) -> tuple[list[str], list[str]]:
    """Take a SIP of so many units to its reply, a quarter with files; return the statements, and staging's calls."""
    sip = a_sip_of_many_units(bench.folder / f"{units}.zip", units, files=units // 4)
    fuse = Fuse()
    bench = replace(bench, ingest=replace(bench.ingest, staging=fuse.on(bench.staging)))
    with statements(bench.database.engine) as asked:
        deposited = await bench.deposit(sip.read_bytes())
        await bench.process()
        built = await bench.built(deposited.id)
        facts = {
            "aip_id": built.aip_id,
            "transfer_id": built.transfer_id,
            "establishment": built.establishment,
            "version": 1,
            "units": units + 1,
            "objects": units // 4,
        }
        async with bench.database.begin() as tx:
            await handlers.record_deposit(tx, [AipCataloguedV1.model_validate(facts)])
        recorded = DepositRecordedV1(transfer_id=deposited.id, establishment=built.establishment, positions=())
        async with bench.database.begin() as tx:
            await handlers.grant(bench.staging, tx, [recorded])
        await bench.sweep()
    transfer = await bench.transfer(deposited.id)
    assert transfer.state is TransferState.ACCEPTED
    assert (transfer.counts or {})["units"] == units + 1
    return asked, fuse.steps


async def test_many_units_are_as_many_statements_and_calls_of_staging_as_few(bench: Bench) -> None:
    # The first of a database begins its journal.
    await asked_by(bench, 4)
    statements_of_few, calls_of_few = await asked_by(bench, 20)
    statements_of_many, calls_of_many = await asked_by(bench, 400)

    assert statements_of_many == statements_of_few
    assert calls_of_many == calls_of_few
