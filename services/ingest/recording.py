"""What the workshop writes down: one step of many transfers in one transaction, each under its own lease.

Transfers come before their work, here as in the handlers: in the other order two transactions that touch one
transfer could wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from typing import Any
from uuid import UUID

from services.ingest import queries
from services.ingest.admission import Judged, admit
from services.ingest.deciding import await_decision
from services.ingest.domain.findings import Finding, is_refused
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.records import findings_to_json, header_of_json, header_to_json, plan_to_json
from services.ingest.domain.transfer import IllegalStep, TransferState
from services.ingest.handlers import aip_key, keep_nothing, line, reject
from services.ingest.pipeline.aip.builder import AipSummary
from services.ingest.pipeline.reply import can_answer
from services.ingest.queries import Move, Transfer
from services.ingest.tasks import Checked
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.messages.ingest import AipBuiltV1, MemberV1, TransferAcknowledgedV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import Transaction
from shared.messaging.work import confirm, finish
from shared.object_store.port import ObjectStore

OUR_VERSION = version("chartrier")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an AIP is built from besides its SIP: the committed plan, and the packed inventory."""

    plan: BuildPlan
    inventory: bytes


@dataclass(frozen=True, slots=True)
class Concluded:
    """A transfer after its verdict; with its recipe where it is to be stored, or may be."""

    transfer: Transfer
    recipe: Recipe | None


@dataclass(frozen=True, slots=True)
class Built:
    """A transfer whose AIP lies in staging."""

    held: Lease
    transfer: Transfer
    plan: BuildPlan
    summary: AipSummary


async def acknowledge(tx: Transaction, held: Lease, transfer: Transfer, header: Mapping[str, Any]) -> None:
    """Record the header of a transfer whose checks go on: it can be acknowledged from then on.

    The columns a message is known by wait for the verdict, which settles two transfers of one message. Checks that
    begin anew find the header there, and tell nobody again.
    """
    before = (await queries.lock_transfers(tx.connection, [transfer.id]))[transfer.id]
    await queries.record_header(tx.connection, transfer.id, header)
    _tell_acknowledged(tx, held, before, header)
    await confirm(tx, held)


def _tell_acknowledged(tx: Transaction, held: Lease, before: Transfer, header: Mapping[str, Any] | None) -> None:
    """Tell of the acknowledgement if it is with this header that it can be had; nobody hears of a dry run."""
    if before.dry_run or _can_be_acknowledged(before.header) or not _can_be_acknowledged(header):
        return
    told = TransferAcknowledgedV1(
        transfer_id=before.id, establishment=before.establishment, agreement=before.agreement
    )
    tx.post(told, cause=held.cause)


def _can_be_acknowledged(header: Mapping[str, Any] | None) -> bool:
    return header is not None and can_answer(header_of_json(header))


async def conclude(staging: ObjectStore, tx: Transaction, judged: Sequence[Judged]) -> list[Concluded]:
    """Record verdicts: refused, awaiting an archivist, or on to storage with a committed plan."""
    locked = await queries.lock_transfers(tx.connection, [one.transfer.id for one in judged])
    moved_on = [str(one.transfer.id) for one in judged if locked[one.transfer.id].state is not one.transfer.state]
    if moved_on:
        # A plan once committed is never replaced.
        raise IllegalStep(f"transfer {', '.join(moved_on)} has been concluded before")
    await confirm(tx, *(one.held for one in judged))
    for one in judged:
        header = one.checked.header
        told_header = None if header is None else header_to_json(header)
        _tell_acknowledged(tx, one.held, locked[one.transfer.id], told_header)
    admitted = await admit(tx.connection, judged)
    concluded = [await _verdict(staging, tx, one, told) for one, told in zip(judged, admitted, strict=True)]
    # Closed with the verdict, unless it is to be built next: a decision taken right after must find no work in
    # its way.
    over = [
        one.held
        for one, result in zip(judged, concluded, strict=True)
        if result.transfer.state is not TransferState.STORING
    ]
    await finish(tx, *over)
    return concluded


async def _verdict(staging: ObjectStore, tx: Transaction, judged: Judged, findings: tuple[Finding, ...]) -> Concluded:
    transfer, checked = judged.transfer, judged.checked
    named = _named(checked)
    if transfer.dry_run:
        return Concluded(await keep_nothing(tx, transfer, findings, named), None)
    if is_refused(findings) or checked.inventory is None:
        refused = await reject(staging, tx, transfer, findings, named, cause=judged.held.cause)
        return Concluded(refused, None)
    plan = _plan(judged, findings)
    automatic = judged.agreement.decision == "automatic"
    values = {
        "findings": findings_to_json(findings),
        "plan": plan_to_json(plan),
        "inventory": checked.inventory,
        "aip_id": plan.aip_id,
        **named,
    }
    if automatic:
        (moved,) = await queries.move(tx.connection, [Move(transfer, TransferState.STORING, values)])
    else:
        moved = await _awaiting(tx, judged, values)
    return Concluded(moved, Recipe(plan, checked.inventory))


async def _awaiting(tx: Transaction, judged: Judged, values: Mapping[str, Any]) -> Transfer:
    """Have an archivist decide, within the term of the agreement as it is now."""
    at, days = now(), judged.agreement.decision_days
    decide_by = None if days is None else at + timedelta(days=days)
    awaiting = Move(judged.transfer, TransferState.AWAITING_DECISION, {**values, "decide_by": decide_by})
    (moved,) = await queries.move(tx.connection, [awaiting])
    if decide_by is not None:
        await await_decision(tx, moved, at, decide_by)
    return moved


def _plan(judged: Judged, findings: tuple[Finding, ...]) -> BuildPlan:
    transfer, agreement = judged.transfer, judged.agreement
    return BuildPlan(
        aip_id=new_id(),
        transfer_id=_plain(transfer.id),
        establishment=_plain(transfer.establishment),
        agreement_identifier=agreement.identifier,
        agreement_version=agreement.version,
        received_at=rfc3339(transfer.received_at),
        planned_at=rfc3339(now()),
        sip_sha512=transfer.sha512,
        sip_size=transfer.size,
        depositor=transfer.depositor,
        software={"chartrier": OUR_VERSION, **judged.checked.software},
        findings=findings,
    )


def _plain(identifier: UUID) -> UUID:
    # The database driver's UUIDs are of a class of its own, which would have each child load the driver.
    return UUID(bytes=identifier.bytes)


def _named(checked: Checked) -> dict[str, object]:
    header = checked.header
    if header is None:
        return {"counts": checked.counts}
    return {
        "header": header_to_json(header),
        "message_identifier": header.message_identifier or None,
        "transferring_agency": header.transferring_agency,
        "counts": checked.counts,
    }


async def hand_over(tx: Transaction, built: Sequence[Built]) -> list[None]:
    """Close the work on these transfers, and tell storage where their AIPs lie."""
    digests = {one.transfer.id: {"sha512": one.summary.sha512, "size": one.summary.size} for one in built}
    await queries.record_built(tx.connection, digests)
    await finish(tx, *(one.held for one in built))
    for one in built:
        tx.post(_aip_built(one), cause=one.held.cause)
        details = {
            "aip": str(one.plan.aip_id),
            "aip_sha512": one.summary.sha512,
            "mets_sha512": one.summary.mets_sha512,
            "findings": " ".join(sorted({finding.code for finding in one.plan.findings})),
        }
        tx.journal(line(one.transfer, "aip.built", "room:ingest", details))
    return [None] * len(built)


def _aip_built(built: Built) -> AipBuiltV1:
    plan, summary = built.plan, built.summary
    return AipBuiltV1(
        aip_id=plan.aip_id,
        transfer_id=plan.transfer_id,
        establishment=plan.establishment,
        staging_key=aip_key(plan.aip_id),
        sha512=summary.sha512,
        size=summary.size,
        catalogue=MemberV1(
            offset=summary.catalogue_offset,
            length=summary.catalogue_length,
            sha512=summary.catalogue_sha512,
        ),
    )
