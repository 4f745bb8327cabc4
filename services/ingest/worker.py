"""The long work of ingest: check a transfer, then build its AIP; each step recorded under its lease."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from services.ingest import queries
from services.ingest.adapters.children import Children
from services.ingest.adapters.rules import RuleReferential
from services.ingest.agreements import known_agreement
from services.ingest.domain import errors
from services.ingest.domain.agreement import Agreement, Decision, MatchHeader, UnknownRules, Usages
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, is_refused
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.records import findings_to_json, header_to_json, plan_of_json, plan_to_json
from services.ingest.domain.transfer import TransferState
from services.ingest.handlers import SWEEP, Ingest, aip_key, line, package_key, reject
from services.ingest.pipeline.aip.builder import AipSummary
from services.ingest.queries import Transfer
from services.ingest.tasks import BuildOrder, Checked, CheckOrder, build, check
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.messages.admin import AgreementV1
from shared.messages.ingest import AipBuiltV1, MemberV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import Transaction
from shared.messaging.work import Lease, StaleLease, confirm, enqueue, finish
from shared.object_store.errors import KeyTaken
from shared.object_store.port import ObjectStore

OUR_VERSION = version("chartrier")
LEAVING_SECONDS = 3.0

Order = TypeVar("Order")
Answer = TypeVar("Answer")


class Workshop:
    """Takes a transfer from received to handed over to storage."""

    def __init__(self, ingest: Ingest, children: Children, rules: RuleReferential) -> None:
        self._ingest = ingest
        self._children = children
        self._rules = rules

    async def process(self, held: Lease) -> None:
        """Do what the transfer's state asks for. Started again after any crash, it goes on from there."""
        transfer = await self._begin(held)
        if transfer.state is TransferState.CHECKING:
            transfer = await self._check(held, transfer)
            if transfer.state is not TransferState.STORING:
                return
        if transfer.state is TransferState.STORING and transfer.built is None:
            await self._build(held, transfer)
            return
        async with self._ingest.database.begin() as tx:
            await finish(tx, held)

    async def _begin(self, held: Lease) -> Transfer:
        async with self._ingest.database.reading() as connection:
            transfer = await queries.get_transfer(connection, UUID(held.key))
        if transfer is None:
            raise AssertionError(f"work for a transfer that does not exist: {held.key}")
        if transfer.state is not TransferState.RECEIVED:
            return transfer
        async with self._ingest.database.begin() as tx:
            await confirm(tx, held)
            return await queries.move(tx.connection, transfer, TransferState.CHECKING)

    async def _check(self, held: Lease, transfer: Transfer) -> Transfer:
        agreement = await known_agreement(self._ingest.database, self._ingest.calls, str(transfer.agreement))
        if agreement is None:
            raise TryAgain(f"agreement {transfer.agreement} is not known to admin")
        rules = await self._rules.categories()
        async with local_copy(self._ingest.staging, transfer.staging_key) as sip:
            settings = self._ingest.settings
            order = CheckOrder(sip, _judged_by(agreement), rules, settings.clamd, settings.clamd_stream_max)
            checked = await self._in_child(check, order)
        async with self._ingest.database.begin() as tx:
            # Nobody else moves a transfer that is being checked: the lease is its lock.
            await confirm(tx, held)
            concluded = await self._conclude(tx, transfer, agreement, checked)
            if concluded.state is not TransferState.STORING:
                # Closed with the verdict: a decision taken right after it must find no work in its way.
                await finish(tx, held)
            return concluded

    async def _conclude(
        self, tx: Transaction, transfer: Transfer, agreement: AgreementV1, checked: Checked
    ) -> Transfer:
        """Record the verdict: refused, awaiting an archivist, or on to storage with a committed plan."""
        named = _names(checked)
        findings = (*checked.findings, *await _same_message(tx, transfer, checked))
        if is_refused(findings) or checked.inventory is None:
            return await reject(self._ingest.staging, tx, transfer, findings, named)
        plan = _plan(transfer, agreement, findings, checked.software)
        automatic = agreement.decision == "automatic"
        return await queries.move(
            tx.connection,
            transfer,
            TransferState.STORING if automatic else TransferState.AWAITING_DECISION,
            findings=findings_to_json(findings),
            plan=plan_to_json(plan),
            inventory=checked.inventory,
            aip_id=plan.aip_id,
            **named,
        )

    async def _in_child(self, function: Callable[[Order], Answer], order: Order) -> Answer:
        try:
            return await self._children.call(function, order)
        except errors.TryAgain as error:
            raise TryAgain(str(error)) from error

    async def _build(self, held: Lease, transfer: Transfer) -> None:
        async with self._ingest.database.reading() as connection:
            recipe = await queries.recipe(connection, transfer.id)
        if recipe is None:
            raise AssertionError(f"transfer {transfer.id} is to be stored and has no plan")
        plan, inventory = plan_of_json(recipe[0]), recipe[1]
        staging = self._ingest.staging
        try:
            async with local_copy(staging, transfer.staging_key) as sip, scratch_folder(staging) as folder:
                order = BuildOrder(sip, inventory, plan, folder / "aip.tar", folder / "package.xml")
                summary = await self._in_child(build, order)
                await self._stage(transfer, order, summary)
            await self._hand_over(held, transfer, plan, summary)
        except (StaleLease, asyncio.CancelledError):
            await self._leave_nothing(transfer, plan)
            raise

    async def _stage(self, transfer: Transfer, order: BuildOrder, summary: AipSummary) -> None:
        staging, package, aip = self._ingest.staging, package_key(transfer.id), aip_key(order.plan.aip_id)
        try:
            await staging.put(package, order.package)
            await staging.adopt(aip, order.aip, size=summary.size, sha512=summary.sha512)
        except KeyTaken as error:
            # A plan has one outcome: what lies there was spoiled since (storage may have said so). Make room.
            await staging.delete(package)
            await staging.delete(aip)
            raise TryAgain(f"spoiled in staging: {error}") from error

    async def _hand_over(self, held: Lease, transfer: Transfer, plan: BuildPlan, summary: AipSummary) -> None:
        async with self._ingest.database.begin() as tx:
            await finish(tx, held)
            built = {"sha512": summary.sha512, "size": summary.size}
            await queries.record(tx.connection, transfer.id, built=built)
            tx.post(
                AipBuiltV1(
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
            )
            details = {
                "aip": str(plan.aip_id),
                "aip_sha512": summary.sha512,
                "mets_sha512": summary.mets_sha512,
                "findings": " ".join(sorted({finding.code for finding in plan.findings})),
            }
            tx.journal(line(transfer, "aip.built", "room:ingest", details))

    async def _leave_nothing(self, transfer: Transfer, plan: BuildPlan) -> None:
        """Have removed what we put in staging after somebody else had finished, and swept, the transfer."""
        # Nothing depends on it but the place it takes: whoever stops us need not wait for it.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LEAVING_SECONDS), self._ingest.database.begin() as tx:
                current = await queries.get_transfer(tx.connection, transfer.id, lock=True)
                if current is not None and current.state in {TransferState.ACCEPTED, TransferState.REJECTED}:
                    keys = [package_key(transfer.id), aip_key(plan.aip_id)]
                    await enqueue(tx, SWEEP, str(transfer.id), {"keys": keys})

    async def sweep(self, held: Lease) -> None:
        """Remove from staging what a finished transfer no longer needs; its reply stays."""
        for key in held.payload["keys"]:
            await self._ingest.staging.delete(key)
        async with self._ingest.database.begin() as tx:
            await finish(tx, held)


def _plan(
    transfer: Transfer,
    agreement: AgreementV1,
    findings: tuple[Finding, ...],
    software: Mapping[str, str],
) -> BuildPlan:
    return BuildPlan(
        aip_id=new_id(),
        transfer_id=transfer.id,
        establishment=transfer.establishment,
        agreement_identifier=agreement.identifier,
        agreement_version=agreement.version,
        received_at=rfc3339(transfer.received_at),
        planned_at=rfc3339(now()),
        sip_sha512=transfer.sha512,
        sip_size=transfer.size,
        depositor=transfer.depositor,
        software={"chartrier": OUR_VERSION, **software},
        findings=findings,
    )


async def _same_message(tx: Transaction, transfer: Transfer, checked: Checked) -> tuple[Finding, ...]:
    """Find an earlier transfer with the same message identifier of the same transferring agency."""
    header = checked.header
    if header is None or not header.message_identifier or not header.transferring_agency:
        return ()
    earlier = await queries.transfer_of_message(
        tx.connection, transfer, header.transferring_agency, header.message_identifier
    )
    if earlier is None:
        return ()
    params = {"message_identifier": header.message_identifier, "transfer": str(earlier)}
    return (found("DUPLICATE_MESSAGE", "manifest.xml", **params),)


def _names(checked: Checked) -> dict[str, object]:
    header = checked.header
    if header is None:
        return {"counts": checked.counts}
    return {
        "header": header_to_json(header),
        "message_identifier": header.message_identifier or None,
        "transferring_agency": header.transferring_agency,
        "counts": checked.counts,
    }


def _judged_by(published: AgreementV1) -> Agreement:
    values = published.model_dump()
    return Agreement(
        **values
        | {
            "match_header": MatchHeader(published.match_header),
            "unknown_rules": UnknownRules(published.unknown_rules),
            "usages": Usages(published.usages),
            "decision": Decision(published.decision),
        }
    )


@contextlib.asynccontextmanager
async def local_copy(store: ObjectStore, key: str) -> AsyncIterator[Path]:
    """Lend a local path of an object: its own file where there is one, else a copy for the time being."""
    path = store.path_of(key)
    if path is not None:
        yield path
        return
    async with scratch_folder(store) as folder:
        copy = folder / "object"
        await store.fetch_to(key, copy)
        yield copy


@contextlib.asynccontextmanager
async def scratch_folder(store: ObjectStore) -> AsyncIterator[Path]:
    """Lend an empty folder, beside the store's own files where it has any, so that a file can move in."""
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="work-", dir=store.scratch())
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)
