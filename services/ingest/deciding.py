"""What an archivist decides, and how he is reminded: nobody's silence archives a deposit, or refuses it."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.ingest import intake, lanes, queries
from services.ingest.agreements import refuse_suspended
from services.ingest.domain.finding_texts import found
from services.ingest.domain.records import findings_of_json, findings_to_json
from services.ingest.domain.transfer import TransferState
from services.ingest.handlers import PROCESS, line, locked, reject
from services.ingest.parts import Ingest
from services.ingest.queries import Move, Transfer
from shared.checksums import sha512_of
from shared.messages.ingest import DecisionRemindedV1, TransferDecidedV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish
from shared.problems import Problem

REMIND = "remind"
"""Tell that a decision is due soon, then that it is overdue."""

SALT_BYTES = 32

Verdict = Literal["accepted", "refused"]

LEAD = timedelta(days=2)
"""How long before the end of the term the first reminder comes; of a short term, half."""


async def decide(ingest: Ingest, transfer_id: UUID, archivist: str, *, accept: bool, reason: str) -> None:
    """Do what an archivist decided; the reply carries the reason. Of two who decide at one moment the first counts.

    Raises a 409 `Problem` when the transfer awaits no decision, or is to be accepted under a suspended agreement.
    """
    async with ingest.database.begin() as tx:
        transfer = (await locked(tx, [transfer_id]))[transfer_id]
        if transfer.state is not TransferState.AWAITING_DECISION:
            raise Problem(
                409,
                "no_decision_awaited",
                f"Ce versement n'attend pas de décision (état : {transfer.state}).",
                f"This transfer awaits no decision (state: {transfer.state}).",
            )
        if accept:
            await refuse_suspended(tx.connection, transfer.agreement)
        verdict: Verdict = "accepted" if accept else "refused"
        tx.journal(line(transfer, "transfer.decided", archivist, {"decision": verdict}))
        salt = secrets.token_bytes(SALT_BYTES)
        tx.post(_decided(transfer, archivist, verdict, salted_digest(salt, reason)))
        if accept:
            values = {"reason": reason or None, "reason_salt": salt, "findings": _with_reason(transfer, reason)}
            await queries.move(tx.connection, [Move(transfer, TransferState.STORING, values)])
            await enqueue(tx, PROCESS, lanes.further(transfer))
            return
        await intake.count(tx.connection, {transfer.agreement: -(transfer.counts or {}).get("bytes", 0)})
        refusal = found("DECISION_REFUSED", "decision", reason=reason)
        findings = (*findings_of_json(transfer.findings), refusal)
        await reject(ingest.staging, tx, transfer, findings, {"reason": reason, "reason_salt": salt})


def salted_digest(salt: bytes, reason: str) -> str | None:
    """Return by which digest the record of a decision holds its reason: nobody can guess the words from it.

    Once salt and words are forgotten it tells nothing; until then it proves that the words are those of that day.
    """
    words = reason.strip()
    return sha512_of(salt + words.encode()) if words else None


def _decided(transfer: Transfer, archivist: str, verdict: Verdict, digest: str | None) -> TransferDecidedV1:
    return TransferDecidedV1(
        transfer_id=transfer.id,
        establishment=transfer.establishment,
        agreement=transfer.agreement,
        agreement_version=transfer.agreement_version,
        sip_sha512=transfer.sha512,
        decision=verdict,
        reason_sha512=digest,
        decided_by=archivist,
    )


def _with_reason(transfer: Transfer, reason: str) -> list[dict[str, Any]]:
    if not reason.strip():
        return transfer.findings
    return [*transfer.findings, *findings_to_json([found("DECISION_ACCEPTED", "decision", reason=reason)])]


async def await_decision(tx: Transaction, transfer: Transfer, since: datetime, decide_by: datetime) -> None:
    """Plan the reminders of a transfer that awaits its decision since then."""
    first = decide_by - min(LEAD, (decide_by - since) / 2)
    await enqueue(tx, REMIND, Piece(str(transfer.id), {"overdue": False}, not_before=first))


async def remind(database: RoomDatabase, held: Lease) -> None:
    """Tell that a decision is still awaited; once it was taken there is nothing to tell."""
    overdue = bool(held.payload["overdue"])
    async with database.begin() as tx:
        transfer_id = UUID(held.key)
        transfer = (await locked(tx, [transfer_id]))[transfer_id]
        await finish(tx, held)
        if transfer.state is not TransferState.AWAITING_DECISION or transfer.decide_by is None:
            return
        told = DecisionRemindedV1(
            transfer_id=transfer.id,
            establishment=transfer.establishment,
            agreement=transfer.agreement,
            decide_by=transfer.decide_by,
            overdue=overdue,
        )
        tx.post(told)
        if not overdue:
            await enqueue(tx, REMIND, Piece(held.key, {"overdue": True}, not_before=transfer.decide_by))
