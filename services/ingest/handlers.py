"""What ingest does when it hears something: one function a message, each deciding, writing, posting.

Each takes all the messages of its kind that came together, and moves or locks their transfers before it touches
their work.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.ingest import lanes, queries
from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.findings import Finding, is_refused
from services.ingest.domain.profile import profile_details
from services.ingest.domain.records import findings_to_json
from services.ingest.domain.transfer import IllegalStep, TransferState, has_passed
from services.ingest.queries import Move, Transfer
from services.ingest.replies import package_key, vocabulary_of, write_reply
from shared.messages.admin import AgreementPublishedV1
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import SipReceivedV1, SipRejectedV1, TransferCompletedV1
from shared.messages.journal import TRANSFER_ACCEPTED, JournalLineV1
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue
from shared.object_store.errors import StoreUnavailable
from shared.object_store.port import ObjectStore

PROCESS = "process"
"""The one kind of long work here: check a transfer, then build its AIP."""

SWEEP = "sweep"
"""Remove from staging what a finished transfer no longer needs."""

REPLIES_AT_ONCE = 8
"""Replies written at one time; each may be as large as its package."""


async def start_checks(tx: Transaction, messages: Sequence[SipReceivedV1]) -> None:
    """SIPs came in: have a worker check them."""
    ids = [message.transfer_id for message in messages]
    moved = await queries.step(tx.connection, ids, TransferState.RECEIVED, TransferState.CHECKING)
    await _require_passed(tx, ids, moved, TransferState.RECEIVED)
    await enqueue(tx, PROCESS, *map(lanes.received, messages))


async def keep_agreements(tx: Transaction, messages: Sequence[AgreementPublishedV1]) -> None:
    """Agreements were published: deposits are judged by them from now on."""
    for message in messages:
        await queries.keep_agreement(tx.connection, message.agreement)


async def await_catalogue(tx: Transaction, messages: Sequence[AipStoredV1]) -> None:
    """Every site holds the AIPs: the catalogue comes next."""
    ids = [message.transfer_id for message in messages]
    moved = await queries.step(tx.connection, ids, TransferState.STORING, TransferState.CATALOGUING)
    await _require_passed(tx, ids, moved, TransferState.STORING)


async def build_again(tx: Transaction, messages: Sequence[AipStorageRefusedV1]) -> None:
    """What lay in staging was not what we announced: build it again from the same plan."""
    transfers = await locked(tx, [message.transfer_id for message in messages])
    for message in messages:
        transfer = transfers[message.transfer_id]
        if transfer.state is TransferState.STORING:
            await queries.record_built(tx.connection, {transfer.id: None})
            await enqueue(tx, PROCESS, lanes.further(transfer, message.message_id))


async def record_deposit(tx: Transaction, messages: Sequence[AipCataloguedV1]) -> None:
    """The units can be found: have proof write the lines by which responsibility passes."""
    by_transfer = {message.transfer_id: message for message in messages}
    recording = (TransferState.CATALOGUING, TransferState.RECORDING)
    moved = await queries.step(tx.connection, by_transfer, *recording)
    early = by_transfer.keys() - moved.keys()
    if early:
        # Data management may be faster than storage's message to us; the order of news is nobody's promise.
        await queries.step(tx.connection, early, TransferState.STORING, TransferState.CATALOGUING)
        moved |= await queries.step(tx.connection, early, *recording)
    await _require_passed(tx, by_transfer, moved, TransferState.CATALOGUING)
    for transfer in moved.values():
        tx.journal(_acceptance(transfer, by_transfer[transfer.id]))


def _acceptance(transfer: Transfer, catalogued: AipCataloguedV1) -> JournalLineV1:
    # With the first line of the AIP's catalogue, all by which a rebuilt archive knows the transfer again.
    details = {
        "aip": str(transfer.aip_id),
        "aip_sha512": (transfer.built or {}).get("sha512", ""),
        "sip_sha512": transfer.sha512,
        "sip_size": transfer.size,
        "agreement": str(transfer.agreement),
        "agreement_version": transfer.agreement_version,
        "units": catalogued.units,
        "objects": catalogued.objects,
    }
    return line(transfer, TRANSFER_ACCEPTED, "room:ingest", details)


async def grant(staging: ObjectStore, tx: Transaction, messages: Sequence[DepositRecordedV1]) -> None:
    """The journal holds the deposits: responsibility has passed, and the replies say so and since when."""
    transfers = await locked(tx, [message.transfer_id for message in messages])
    due = {
        message.transfer_id: message
        for message in messages
        if transfers[message.transfer_id].state is not TransferState.ACCEPTED
    }
    granted = [transfers[transfer_id] for transfer_id in due]
    # The date is the message's, not the clock's: handled twice, the reply has the same bytes.
    dates = [message.occurred_at for message in due.values()]
    keys = await _write_replies(staging, granted, await _vocabularies(tx, granted), dates)
    moves = [
        Move(transfer, TransferState.ACCEPTED, {"granted_at": date, "reply_key": key, "inventory": None})
        for transfer, date, key in zip(granted, dates, keys, strict=True)
    ]
    for transfer in await queries.move(tx.connection, moves):
        tx.post(_completed(transfer), cause=due[transfer.id].message_id)
    await _sweep(tx, *granted)


async def _vocabularies(tx: Transaction, transfers: Sequence[Transfer]) -> list[ReplyCodes]:
    """Return by which vocabulary each transfer is answered: that of its agreement as it stands now."""
    agreements = await queries.find_agreements(tx.connection, [str(transfer.agreement) for transfer in transfers])
    return [vocabulary_of(one) for one in agreements]


async def _write_replies(
    staging: ObjectStore, transfers: Sequence[Transfer], codes: Sequence[ReplyCodes], dates: Sequence[datetime]
) -> list[str | None]:
    """Write several replies at once. Raises `TryAgain` when staging is away, once none is being written any more."""
    few = asyncio.Semaphore(REPLIES_AT_ONCE)

    async def write(transfer: Transfer, vocabulary: ReplyCodes, date: datetime) -> str | None:
        async with few:
            return await write_reply(staging, transfer, vocabulary, date)

    written = await asyncio.gather(*map(write, transfers, codes, dates), return_exceptions=True)
    for result in written:
        if isinstance(result, StoreUnavailable):
            raise TryAgain(f"staging: {result}") from result
        if isinstance(result, BaseException):
            raise result
    return [key for key in written if not isinstance(key, BaseException)]


def _completed(transfer: Transfer) -> TransferCompletedV1:
    if transfer.aip_id is None:
        raise Rejected(f"transfer {transfer.id} has no AIP")
    return TransferCompletedV1(
        transfer_id=transfer.id,
        establishment=transfer.establishment,
        aip_id=transfer.aip_id,
        finding_codes=_codes(transfer.findings),
        reply_key=transfer.reply_key or "",
        agreement=transfer.agreement,
    )


async def reject(
    staging: ObjectStore,
    tx: Transaction,
    transfer: Transfer,
    findings: Sequence[Finding],
    columns: Mapping[str, Any],
    cause: UUID | None = None,
) -> Transfer:
    """Refuse a transfer, locked before: state, reply, trace; staging is swept. `columns` are set with it."""
    header = columns.get("header", transfer.header)
    refused = replace(transfer, findings=findings_to_json(findings), header=header)
    (vocabulary,) = await _vocabularies(tx, [transfer])
    values = {
        "findings": refused.findings,
        "reply_key": await write_reply(staging, refused, vocabulary, None),
        "plan": None,
        "inventory": None,
        **columns,
    }
    (moved,) = await queries.move(tx.connection, [Move(transfer, TransferState.REJECTED, values)])
    await _sweep(tx, transfer)
    codes = _codes(refused.findings)
    tx.post(_rejected(moved, codes), cause=cause)
    details = {"sip_sha512": transfer.sha512, "findings": " ".join(sorted(set(codes)))}
    details |= profile_details(moved.profile)
    tx.journal(line(transfer, "transfer.rejected", "room:ingest", details).model_copy(update={"outcome": "ko"}))
    return moved


def _rejected(transfer: Transfer, codes: tuple[str, ...]) -> SipRejectedV1:
    return SipRejectedV1(
        transfer_id=transfer.id,
        establishment=transfer.establishment,
        finding_codes=codes,
        agreement=transfer.agreement,
        reply_key=transfer.reply_key,
    )


async def keep_nothing(
    tx: Transaction, transfer: Transfer, findings: Sequence[Finding], columns: Mapping[str, Any]
) -> Transfer:
    """End a dry run, locked before: its verdict stays, its bytes go, and no other room hears of it."""
    values = {"findings": findings_to_json(findings), **columns}
    (moved,) = await queries.move(tx.connection, [Move(transfer, TransferState.JUDGED, values)])
    await _sweep(tx, transfer)
    outcome = "ko" if is_refused(findings) else "ok"
    details = {"sip_sha512": transfer.sha512, "findings": " ".join(sorted({each.code for each in findings}))}
    details |= profile_details(moved.profile)
    told = line(transfer, "transfer.judged", transfer.depositor, details)
    tx.journal(told.model_copy(update={"outcome": outcome}))
    return moved


async def _sweep(tx: Transaction, *transfers: Transfer) -> None:
    await enqueue(tx, SWEEP, *(Piece(str(transfer.id), {"keys": staged_keys(transfer)}) for transfer in transfers))


def staged_keys(transfer: Transfer) -> list[str]:
    """Return what staging may hold of a transfer, besides its reply."""
    keys = [transfer.staging_key, package_key(transfer.id)]
    return keys if transfer.aip_id is None else [*keys, aip_key(transfer.aip_id)]


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


def _codes(findings: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(finding["code"] for finding in findings)


async def locked(tx: Transaction, ids: Sequence[UUID]) -> dict[UUID, Transfer]:
    """Return these transfers, locked. Raises `Rejected` when one does not exist."""
    found = await queries.lock_transfers(tx.connection, ids)
    unknown = set(ids) - found.keys()
    if unknown:
        raise Rejected(f"no transfer {', '.join(map(str, sorted(unknown)))}")
    return found


async def _require_passed(
    tx: Transaction, ids: Iterable[UUID], moved: Mapping[UUID, Transfer], state: TransferState
) -> None:
    """Make sure that those which were not moved had left `state` before: then the news was old.

    Raises `Rejected` for one that does not exist, `IllegalStep` for one that is not there yet.
    """
    rest = set(ids) - moved.keys()
    if not rest:
        return
    for transfer in (await locked(tx, list(rest))).values():
        if not has_passed(transfer.state, state):
            raise IllegalStep(f"transfer {transfer.id} is {transfer.state}, not {state}")
