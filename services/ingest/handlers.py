"""What ingest does when it hears something: one function a message, each deciding, writing, posting."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.ingest import queries
from services.ingest.domain.finding_texts import found, text
from services.ingest.domain.findings import Finding
from services.ingest.domain.records import findings_of_json, findings_to_json, header_of_json
from services.ingest.domain.transfer import TransferState, has_passed
from services.ingest.pipeline.reply import Letter, can_answer, compose_reply
from services.ingest.queries import Transfer
from services.ingest.settings import IngestSettings
from shared.calls import RoomCalls
from shared.clock import rfc3339
from shared.messages.admin import AgreementPublishedV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import SipReceivedV1, SipRejectedV1, TransferCompletedV1
from shared.messages.journal import TRANSFER_ACCEPTED, JournalLineV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.outcome import Rejected
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue
from shared.object_store.errors import KeyTaken
from shared.object_store.port import ObjectStore
from shared.problems import Problem

PROCESS = "process"
"""The one kind of long work here: check a transfer, then build its AIP."""

SWEEP = "sweep"
"""Remove from staging what a finished transfer no longer needs."""


@dataclass(frozen=True)
class Ingest:
    """What ingest's edges work with."""

    database: RoomDatabase
    calls: RoomCalls
    staging: ObjectStore
    settings: IngestSettings


async def start_checks(tx: Transaction, message: SipReceivedV1) -> None:
    """A SIP came in: have a worker check it."""
    await enqueue(tx, PROCESS, str(message.transfer_id))


async def keep_agreement(tx: Transaction, message: AgreementPublishedV1) -> None:
    """An agreement was published: deposits are judged by it from now on."""
    await queries.keep_agreement(tx.connection, message.agreement)


async def await_catalogue(tx: Transaction, message: AipStoredV1) -> None:
    """Every site holds the AIP: the catalogue comes next."""
    transfer = await _found(tx, message.transfer_id)
    if not has_passed(transfer.state, TransferState.STORING):
        await queries.move(tx.connection, transfer, TransferState.CATALOGUING)


async def build_again(tx: Transaction, message: AipStorageRefusedV1) -> None:
    """What lay in staging was not what we announced: build it again from the same plan."""
    transfer = await _found(tx, message.transfer_id)
    if transfer.state is TransferState.STORING:
        await queries.record(tx.connection, transfer.id, built=None)
        await enqueue(tx, PROCESS, str(transfer.id))


async def record_deposit(tx: Transaction, message: AipCataloguedV1) -> None:
    """The units can be found: have proof write the line by which responsibility passes."""
    transfer = await _found(tx, message.transfer_id)
    if has_passed(transfer.state, TransferState.CATALOGUING):
        return
    if transfer.state is TransferState.STORING:
        # Data management was faster than storage's message to us; the order of news is nobody's promise.
        transfer = await queries.move(tx.connection, transfer, TransferState.CATALOGUING)
    await queries.move(tx.connection, transfer, TransferState.RECORDING)
    tx.journal(
        line(
            transfer,
            TRANSFER_ACCEPTED,
            "room:ingest",
            {
                "aip": str(transfer.aip_id),
                "aip_sha512": (transfer.built or {}).get("sha512", ""),
                "sip_sha512": transfer.sha512,
                "units": message.units,
                "objects": message.objects,
            },
        )
    )


async def grant(staging: ObjectStore, tx: Transaction, message: DepositRecordedV1) -> None:
    """The journal holds the deposit: responsibility has passed, and the reply says since when."""
    transfer = await _found(tx, message.transfer_id)
    if transfer.state is TransferState.ACCEPTED:
        return
    # The date is the message's, not the clock's: handled twice, the reply has the same bytes.
    key = await write_reply(staging, transfer, message.occurred_at)
    await queries.move(
        tx.connection,
        transfer,
        TransferState.ACCEPTED,
        granted_at=message.occurred_at,
        reply_key=key,
        inventory=None,
    )
    await _sweep(tx, transfer)
    tx.post(
        TransferCompletedV1(
            transfer_id=transfer.id,
            establishment=transfer.establishment,
            aip_id=_aip_of(transfer),
            finding_codes=_codes(transfer.findings),
            reply_key=key or "",
        )
    )


async def reject(
    staging: ObjectStore,
    tx: Transaction,
    transfer: Transfer,
    findings: Sequence[Finding],
    columns: Mapping[str, Any],
) -> Transfer:
    """Refuse a transfer, locked before: state, reply, trace; staging is swept. `columns` are set with it."""
    header = columns.get("header", transfer.header)
    refused = replace(transfer, findings=findings_to_json(findings), header=header)
    key = await write_reply(staging, refused, None)
    moved = await queries.move(
        tx.connection,
        transfer,
        TransferState.REJECTED,
        findings=refused.findings,
        reply_key=key,
        plan=None,
        inventory=None,
        **columns,
    )
    await _sweep(tx, transfer)
    codes = _codes(refused.findings)
    tx.post(SipRejectedV1(transfer_id=transfer.id, establishment=transfer.establishment, finding_codes=codes))
    details = {"sip_sha512": transfer.sha512, "findings": " ".join(sorted(set(codes)))}
    tx.journal(line(transfer, "transfer.rejected", "room:ingest", details).model_copy(update={"outcome": "ko"}))
    return moved


async def _sweep(tx: Transaction, transfer: Transfer) -> None:
    keys = [transfer.staging_key, package_key(transfer.id)]
    if transfer.aip_id is not None:
        keys.append(aip_key(transfer.aip_id))
    await enqueue(tx, SWEEP, str(transfer.id), {"keys": keys})


async def decide(ingest: Ingest, transfer_id: UUID, archivist: str, *, accept: bool, reason: str) -> None:
    """Do what an archivist decided. Raises a 409 `Problem` when the transfer awaits no decision."""
    async with ingest.database.begin() as tx:
        transfer = await _found(tx, transfer_id)
        if transfer.state is not TransferState.AWAITING_DECISION:
            raise Problem(
                409,
                "no_decision_awaited",
                f"Ce versement n'attend pas de décision (état : {transfer.state}).",
                f"This transfer awaits no decision (state: {transfer.state}).",
            )
        verdict = "accepted" if accept else "refused"
        tx.journal(line(transfer, "transfer.decided", archivist, {"decision": verdict}))
        if accept:
            await queries.move(tx.connection, transfer, TransferState.STORING, reason=reason or None)
            await enqueue(tx, PROCESS, str(transfer.id))
            return
        refusal = found("DECISION_REFUSED", "decision", reason=reason)
        findings = (*findings_of_json(transfer.findings), refusal)
        await reject(ingest.staging, tx, transfer, findings, {"reason": reason})


async def write_reply(staging: ObjectStore, transfer: Transfer, granted_at: datetime | None) -> str | None:
    """Write the ArchiveTransferReply to staging and return its key; None when no header was read."""
    header = None if transfer.header is None else header_of_json(transfer.header)
    if header is None or not can_answer(header):
        return None
    findings = findings_of_json(transfer.findings)
    written_at = granted_at or transfer.received_at
    letter = Letter(header, f"{transfer.id}-atr", rfc3339(written_at))
    grant_date = None if granted_at is None else rfc3339(granted_at)
    before, _, after = compose_reply(letter, findings, _french, grant_date, (b"",))
    key = f"replies/{transfer.id}.xml"
    accepted = granted_at is not None
    try:
        await staging.put(key, _enclosed(staging, transfer, before, after, accepted=accepted))
    except KeyTaken:
        # Left by a transaction that never committed, before the verdict changed: nobody was given it.
        await staging.delete(key)
        await staging.put(key, _enclosed(staging, transfer, before, after, accepted=accepted))
    return key


async def _enclosed(
    staging: ObjectStore, transfer: Transfer, before: bytes, after: bytes, *, accepted: bool
) -> AsyncIterator[bytes]:
    yield before
    if accepted:
        package = await staging.open_range(package_key(transfer.id))
        async for chunk in package:
            yield chunk
    yield after


def package_key(transfer_id: UUID) -> str:
    """Return where the package part of a reply lies between build and grant."""
    return f"replies/{transfer_id}.package"


def aip_key(aip_id: UUID) -> str:
    """Return where an AIP lies until storage has it on every site."""
    return f"aips/{aip_id}"


def line(transfer: Transfer, action: str, actor: str, details: Mapping[str, str | int]) -> JournalLineV1:
    """Return a line of the archives' life-cycle journal about a transfer."""
    return JournalLineV1(
        kind="archives",
        action=action,
        actor=actor,
        object=f"transfer:{transfer.id}",
        establishment=transfer.establishment,
        transfer_id=transfer.id,
        details=dict(details),
    )


def _aip_of(transfer: Transfer) -> UUID:
    if transfer.aip_id is None:
        raise Rejected(f"transfer {transfer.id} has no AIP")
    return transfer.aip_id


def _french(finding: Finding) -> str:
    return text(finding, "fr")


def _codes(findings: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(finding["code"] for finding in findings)


async def _found(tx: Transaction, transfer_id: UUID) -> Transfer:
    transfer = await queries.get_transfer(tx.connection, transfer_id, lock=True)
    if transfer is None:
        raise Rejected(f"no transfer {transfer_id}")
    return transfer
