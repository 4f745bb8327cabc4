"""The long work of ingest: check a transfer, then build its AIP; each step recorded under its lease."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from services.ingest import queries, recording
from services.ingest.adapters.children import Children, ChildTooSlow
from services.ingest.adapters.rules import RuleReferential
from services.ingest.admission import Judged
from services.ingest.agreements import judged_by, known_agreement
from services.ingest.domain import errors
from services.ingest.domain.findings import Finding, is_refused
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.records import plan_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.explainer import Explainer
from services.ingest.gate import Gate
from services.ingest.handlers import SWEEP, aip_key
from services.ingest.parts import Ingest
from services.ingest.pipeline.aip.builder import AipSummary
from services.ingest.pipeline.profile_check import ProfileOrder, check_profile
from services.ingest.profiles import at_hand
from services.ingest.profiling import profiled
from services.ingest.queries import Transfer
from services.ingest.recording import Built, Concluded, Recipe
from services.ingest.replies import package_key
from services.ingest.settings import limits
from services.ingest.slowness import MOST_TIMES, TooSlow, found_too_slow, noted, times_too_slow
from services.ingest.tasks import (
    BuildOrder,
    Checked,
    CheckOrder,
    asks_for_rules,
    build,
    check,
    read_header,
    scanner_seconds,
)
from services.ingest.workplaces import local_copy, scratch_folder
from shared.faults import fault_point
from shared.messaging.gathering import recorder
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.work import StaleLease, close, enqueue, move, note
from shared.object_store.errors import KeyTaken
from shared.steps import timed

LEAVING_SECONDS = 3.0
LISTENING_SECONDS = 2.0
"""How often a check that goes on is asked for the header; one that is over by then tells it with its verdict."""


class Heavy(TryAgain):
    """A step of a deposit that looked small takes longer than the others of its lane should wait."""


class ScannerAway(TryAgain):
    """The antivirus did not answer; whoever asks what a transfer waits for is told by this name."""


class TrustSpoiled(TryAgain):
    """The anchors for signatures cannot be read any more; told apart as the antivirus is."""


class ProfileUnusable(TryAgain):
    """An approved profile cannot be used here; whoever asks what a transfer waits for is told by this name."""


Order = TypeVar("Order")
Answer = TypeVar("Answer")


class Workshop:
    """Takes a transfer from received to handed over to storage.

    What many transfers write down at one moment is written in one transaction (`recording`). Without an `explainer`
    refusals of the grammar stay as libxml2 tells them. A step that takes a child longer than `patience`, in seconds,
    is left to the workshop of the large, which has none.
    """

    def __init__(
        self,
        ingest: Ingest,
        children: Children,
        rules: RuleReferential,
        listening: float = LISTENING_SECONDS,
        explainer: Explainer | None = None,
        patience: float = math.inf,
    ) -> None:
        self._ingest = ingest
        self._children = children
        self._explainer = explainer
        self._rules = rules
        self._listening = listening
        self._patience = patience
        # Those that wait for a child need not have their working copy made yet.
        most = max(ingest.settings.ingest_processes, ingest.settings.large_processes)
        self._benches = Gate(most + 1)
        database = ingest.database
        # Apart: a refusal writes its reply to staging, which nothing that is accepted should wait for.
        self._accepted = recorder(database, partial(recording.conclude, ingest.staging))
        self._refused = recorder(database, partial(recording.conclude, ingest.staging))
        self._handed_over = recorder(database, recording.hand_over)
        self._closed = recorder(database, close)

    async def process(self, held: Lease) -> None:
        """Do what the transfer's state asks for. Started again after any crash, it goes on from there."""
        try:
            await self._process(held)
        except Heavy:
            async with self._ingest.database.begin() as tx:
                await move(tx, held, Lane.LARGE)

    async def _process(self, held: Lease) -> None:
        transfer = await self._ingest.transfers.add(UUID(held.key))
        if transfer is None:
            raise AssertionError(f"work for a transfer that does not exist: {held.key}")
        if transfer.state is TransferState.CHECKING:
            verdict = await self._check(held, transfer)
            if verdict.recipe is not None and verdict.transfer.state is TransferState.STORING:
                await self._build(held, verdict.transfer, verdict.recipe)
        elif transfer.state is TransferState.STORING and transfer.built is None:
            await self._build(held, transfer, await self._recipe(transfer))
        elif transfer.state is TransferState.RECEIVED:
            raise AssertionError(f"work on a transfer that nobody has taken up: {held.key}")
        else:
            await self._closed.add(held)

    async def _check(self, held: Lease, transfer: Transfer) -> Concluded:
        agreement = await known_agreement(self._ingest, str(transfer.agreement))
        if agreement is None:
            raise TryAgain(f"agreement {transfer.agreement} is not known to admin")
        judge = judged_by(agreement)
        withdrawn = await at_hand(self._ingest, judge.profiles)
        rules = await self._rules.rules()
        staging, settings = self._ingest.staging, self._ingest.settings
        async with (
            self._benches.place(str(transfer.establishment)),
            local_copy(staging, transfer.staging_key) as sip,
            scratch_folder(staging) as folder,
        ):
            header = folder / "header.json"
            scanner = (settings.clamd, settings.clamd_stream_max)
            order = CheckOrder(sip, header, judge, rules, *scanner, limits(settings), settings.signature_trust)
            with timed("ingest", "check"):
                checked = await self._checked(held, transfer, order)
                if asks_for_rules(checked) and (newer := await self._rules.newer()) is not None:
                    checked = await self._checked(held, transfer, replace(order, rules=newer))
                checked = await profiled(self._ingest, order, checked, withdrawn, self._by_profile)
        if self._explainer is not None:
            checked = replace(checked, findings=await self._explainer.explained(checked.findings, checked.suspects))
        refused = checked.inventory is None or is_refused(checked.findings)
        conclusions = self._refused if refused else self._accepted
        return await conclusions.add(Judged(held, transfer, agreement, checked))

    async def _checked(self, held: Lease, transfer: Transfer, order: CheckOrder) -> Checked:
        """Have a SIP checked, and record its header meanwhile if the check takes long."""
        checking = asyncio.ensure_future(self._in_time(held, order))
        try:
            while not (await asyncio.wait({checking}, timeout=self._listening))[0]:
                header = read_header(order)
                if header is not None and await self._acknowledged(held, transfer, header):
                    break
            return await checking
        finally:
            checking.cancel()

    async def _acknowledged(self, held: Lease, transfer: Transfer, header: Mapping[str, Any]) -> bool:
        try:
            async with self._ingest.database.begin() as tx:
                await recording.acknowledge(tx, held, transfer, header)
        except (SQLAlchemyError, OSError):
            # No reason to give up a check of hours: asked again in a while, or told with the verdict.
            return False
        return True

    async def _in_time(self, held: Lease, order: CheckOrder) -> Checked:
        """Have a SIP checked, or find it too slow once that has happened too often; before that it is tried again."""
        seconds = self._ingest.settings.step_seconds
        try:
            return await self._in_child(check, order, lambda: scanner_seconds(order))
        except TooSlow:
            times = times_too_slow(held, seconds) + 1
            if times >= MOST_TIMES:
                return found_too_slow(read_header(order), seconds)
            async with self._ingest.database.begin() as tx:
                await note(tx, held, noted(times, seconds))
            raise

    async def _by_profile(self, order: ProfileOrder) -> list[Finding]:
        return await self._in_child(check_profile, order, given=self._ingest.settings.profile_seconds)

    async def _in_child(
        self,
        function: Callable[[Order], Answer],
        order: Order,
        waited: Callable[[], float] = lambda: 0.0,
        given: float | None = None,
    ) -> Answer:
        """Have a step done; what it has `waited` for others, in seconds, is not counted."""
        given = self._ingest.settings.step_seconds if given is None else given
        try:
            return await self._children.call(function, order, seconds=lambda: min(given, self._patience) + waited())
        except ChildTooSlow as error:
            raise (Heavy if self._patience < given else TooSlow)(str(error)) from error
        except errors.ScannerUnavailable as error:
            raise ScannerAway(str(error)) from error
        except errors.UnusableTrust as error:
            raise TrustSpoiled(str(error)) from error
        except errors.UnusableProfile as error:
            raise ProfileUnusable(str(error)) from error
        except errors.TryAgain as error:
            raise TryAgain(str(error)) from error

    async def _recipe(self, transfer: Transfer) -> Recipe:
        """Return the plan that was committed when the transfer passed, and what was measured then."""
        async with self._ingest.database.reading() as connection:
            committed = await queries.recipe(connection, transfer.id)
        if committed is None:
            raise AssertionError(f"transfer {transfer.id} is to be stored and has no plan")
        plan, inventory = committed
        return Recipe(plan_of_json(plan), inventory)

    async def _build(self, held: Lease, transfer: Transfer, recipe: Recipe) -> None:
        staging, plan = self._ingest.staging, recipe.plan
        try:
            async with (
                self._benches.place(str(transfer.establishment)),
                local_copy(staging, transfer.staging_key) as sip,
                scratch_folder(staging) as folder,
            ):
                order = BuildOrder(sip, recipe.inventory, plan, folder / "aip.tar", folder / "package.xml")
                with timed("ingest", "build"):
                    summary = await self._in_child(build, order)
                with timed("ingest", "stage"):
                    await self._stage(transfer, order, summary)
            await self._handed_over.add(Built(held, transfer, plan, summary))
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

    async def _leave_nothing(self, transfer: Transfer, plan: BuildPlan) -> None:
        """Have removed what we put in staging after somebody else had finished, and swept, the transfer."""
        # Nothing depends on it but the place it takes: whoever stops us need not wait for it.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LEAVING_SECONDS), self._ingest.database.begin() as tx:
                current = (await queries.lock_transfers(tx.connection, [transfer.id])).get(transfer.id)
                if current is not None and current.state in {TransferState.ACCEPTED, TransferState.REJECTED}:
                    keys = [package_key(transfer.id), aip_key(plan.aip_id)]
                    await enqueue(tx, SWEEP, Piece(str(transfer.id), {"keys": keys}))

    async def sweep(self, held: Lease) -> None:
        """Remove from staging what a finished transfer no longer needs; its reply stays."""
        for key in held.payload["keys"]:
            await self._ingest.staging.delete(key)
        fault_point("ingest.forget.removed")
        await self._closed.add(held)
