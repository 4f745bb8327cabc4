"""Partial purges: the version of an AIP without some of its units is written, and taken in as any other.

A good copy is read once, and proven to be good by the same reading. The version before stays as it is: it is
released by whoever purges, once the new one was read back whole on every site.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from services.storage.bridging import bridged
from services.storage.domain.copies import Copy, CopyState
from services.storage.domain.holdings import Holding
from services.storage.domain.keys import aip_key
from services.storage.domain.rewriting import RewritePlan, Rewritten, of_json, to_json
from services.storage.doubts import DOUBT
from services.storage.handlers import UNSTAGE, Arrival, take_in, work_key
from services.storage.lines import ACTOR
from services.storage.pipeline.package_check import check_package
from services.storage.pipeline.rewriting.layout import UnreadablePackage
from services.storage.pipeline.rewriting.package import rewrite_package
from services.storage.pipeline.rewriting.scope import ImpossiblePurge
from services.storage.pipeline.sources import MeasuredSource, Source
from services.storage.queries import holdings, purges
from services.storage.refusing import refuse
from services.storage.sites import OpenSite
from shared.checksums import Measure
from shared.clock import now, rfc3339
from shared.faults import fault_point
from shared.messages.ingest import MemberV1
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, enqueue, finish, note
from shared.object_store.errors import KeyTaken, NoSuchObject, StoreError, StoreUnavailable
from shared.object_store.port import ObjectStore

log = logging.getLogger(__name__)

STANDING = ("stored", "damaged")
"""States of a version that can be rewritten."""

MOST_TOLD = 100_000
"""Objects that the rooms are told of by their identifiers: a message of twice as many holds 8 MiB, and brokers take
16."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What one order asks for, and the committed plan by which it is done."""

    units: tuple[UUID, ...]
    plan: RewritePlan

    @property
    def staging_key(self) -> str:
        """Say where the new version lies until it is on every site."""
        return f"aips/{self.plan.aip_id}-v{self.plan.version}"


class _BadCopy(Exception):
    """A copy that is not what was stored."""


class Rewriter:
    """Writes AIPs anew, one at a time."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite], staging: ObjectStore) -> None:
        self._database = database
        self._sites = sites
        self._staging = staging

    async def rewrite(self, held: Lease) -> None:
        """Write the new version and take it in, or refuse an order that cannot be carried out.

        Taken up again after a crash, it writes the same bytes. Raises `TryAgain` while no good copy can be read.
        """
        try:
            await self._rewrite(held)
        except Rejected as error:
            await refuse(self._database, held, str(error))

    async def _rewrite(self, held: Lease) -> None:
        rewriting = await self._planned(held)
        before, copies = await self._before(rewriting)
        if before.version == rewriting.plan.version:
            async with self._database.begin() as tx:
                await finish(tx, held)
            return
        with TemporaryDirectory(dir=self._staging.scratch(), prefix="rewrite-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "aip.tar"
            rewritten = await self._write(rewriting, before, copies, path)
            fault_point("storage.rewrite.written")
            await self._stage(rewriting.staging_key, path, rewritten)
        fault_point("storage.rewrite.staged")
        try:
            await self._take_in(held, rewriting, before, rewritten)
        except StaleLease:
            await self._leave_nothing(rewriting, before)
            raise
        fault_point("storage.rewrite.taken")

    async def _take_in(self, held: Lease, rewriting: Rewriting, before: Holding, rewritten: Rewritten) -> None:
        async with self._database.begin() as tx:
            await finish(tx, held)
            if rewritten.gone_objects <= MOST_TOLD:
                # Before its versions: whoever takes an order and these takes them in this order.
                await purges.note_objects(tx.connection, rewriting.plan.order_id, rewritten.objects)
            arrival = Arrival(_values(rewriting, before, rewritten), held.cause)
            if not await take_in(tx, [arrival], sorted(self._sites)):
                raise TryAgain(f"{before.key}: another version was taken in meanwhile")
            tx.journal(_line(rewriting, before, rewritten))

    async def _leave_nothing(self, rewriting: Rewriting, before: Holding) -> None:
        """Have removed what we staged after whoever took our work had brought the version to its end."""
        key = (rewriting.plan.aip_id, rewriting.plan.version)
        async with self._database.begin() as tx:
            theirs = (await holdings.lock_holdings(tx.connection, [key])).get(key)
            if theirs is not None and theirs.state != "storing":
                await enqueue(tx, UNSTAGE, Piece(rewriting.staging_key, owner=str(before.establishment)))

    async def unstage(self, held: Lease) -> None:
        """Remove what was staged of a version that is on every site now."""
        try:
            await self._staging.delete(held.key)
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error
        fault_point("storage.rewrite.unstaged")
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _planned(self, held: Lease) -> Rewriting:
        """Return the plan, made and committed by whoever takes the work first."""
        order, noted = held.payload["order"], held.payload.get("plan")
        if noted is None:
            async with self._database.begin() as tx:
                newest = await holdings.newest(tx.connection, UUID(order["aip_id"]))
                if newest is None:
                    raise Rejected(f"order {held.key}: there is no AIP {order['aip_id']}")
                noted = to_json(_plan(order, newest.version + 1))
                await note(tx, held, {**held.payload, "plan": noted})
            fault_point("storage.rewrite.planned")
        return Rewriting(tuple(map(UUID, order["units"])), of_json(noted))

    async def _before(self, rewriting: Rewriting) -> tuple[Holding, Sequence[Copy]]:
        """Return the newest version that stands, or ours if it was taken in already."""
        plan, order = rewriting.plan, f"order {rewriting.plan.order_id}"
        async with self._database.reading() as connection:
            versions = await holdings.versions_with_copies(connection, plan.aip_id)
        newest = versions[0][0]
        if newest.version == plan.version and newest.facts.get("order") == str(plan.order_id):
            return versions[0]
        if newest.version != plan.version - 1:
            raise Rejected(f"{order}: version {plan.version} of {plan.aip_id} is not of its making")
        if newest.state == "storing":
            raise TryAgain(f"{newest.key} is not stored yet")
        # Ours is refused where what was staged of it was lost: then it is written again, under the next number.
        standing = next((one for one in versions if one[0].state != "refused"), versions[0])
        if standing[0].state not in STANDING:
            raise Rejected(f"{order}: {standing[0].key} is {standing[0].state}")
        return standing

    async def _write(self, rewriting: Rewriting, before: Holding, copies: Sequence[Copy], path: Path) -> Rewritten:
        """Write the new version to `path` from the first copy that proves good."""
        reasons = []
        for copy in copies:
            if copy.state is not CopyState.VERIFIED or copy.site not in self._sites:
                continue
            try:
                return await self._from_copy(rewriting, before, copy, path)
            except StoreUnavailable as error:
                reasons.append(f"{copy.site}: {error}")
            except (_BadCopy, NoSuchObject) as error:
                reasons.append(f"{copy.site}: {error}")
                log.exception("a copy to rewrite is not what was stored", extra={"site": copy.site})
                await self._doubt(before, copy)
        raise TryAgain(f"no site gives {before.key}: {'; '.join(reasons)}")

    async def _from_copy(self, rewriting: Rewriting, before: Holding, copy: Copy, path: Path) -> Rewritten:
        chunks = await self._sites[copy.site].store.open_range(before.key, copy.version_id)
        expected = Measure(before.sha512, before.size)
        async with bridged(chunks) as source:
            return await asyncio.to_thread(_rewrite, source, rewriting, expected, path)

    async def _doubt(self, before: Holding, copy: Copy) -> None:
        """Have a copy judged again by another: one such reading is no verdict on it."""
        async with self._database.begin() as tx:
            key = work_key(before.id, before.version, copy.site)
            await enqueue(tx, DOUBT, Piece(key, owner=str(before.establishment)))

    async def _stage(self, key: str, path: Path, rewritten: Rewritten) -> None:
        size, sha512 = rewritten.size, rewritten.sha512
        try:
            try:
                await self._staging.adopt(key, path, size=size, sha512=sha512)
            except KeyTaken:
                # Left by a release that wrote other bytes, and never taken in.
                await self._staging.delete(key)
                await self._staging.adopt(key, path, size=size, sha512=sha512)
        except StoreError as error:
            raise TryAgain(f"staging: {error}") from error


def _rewrite(source: Source, rewriting: Rewriting, expected: Measure, path: Path) -> Rewritten:
    """Rewrite one copy, which is read to its end whatever is in it: only then is it known what it was.

    Raises `_BadCopy` if it is not what was stored, `Rejected` if it is, and cannot be rewritten.
    """
    measured = MeasuredSource(source)
    fault: Exception | None = None
    rewritten: Rewritten | None = None
    try:
        with path.open("wb") as out:
            rewritten = rewrite_package(measured, rewriting.units, rewriting.plan, out, path.parent)
    except (UnreadablePackage, ImpossiblePurge) as error:
        fault = error
    if measured.measure_all() != expected:
        raise _BadCopy("other bytes than were stored")
    if rewritten is None:
        raise Rejected(f"order {rewriting.plan.order_id}: {fault}") from fault
    _require_whole(path, rewriting.plan, rewritten)
    return rewritten


def _require_whole(path: Path, plan: RewritePlan, rewritten: Rewritten) -> None:
    """Read what was written as whoever restores it would: the version that it replaces will be deleted for it."""
    with path.open("rb") as source:
        found = check_package(source, str(plan.aip_id))
    if found.faults or found.measure != Measure(rewritten.sha512, rewritten.size):
        raise AssertionError(f"order {plan.order_id}: what was written is no whole AIP: {found.faults}")


def _plan(order: Mapping[str, Any], number: int) -> RewritePlan:
    return RewritePlan(
        order_id=UUID(order["order_id"]),
        aip_id=UUID(order["aip_id"]),
        version=number,
        list_sha512=order["list_sha512"],
        visa_sha512=order["visa_sha512"],
        ordered_at=order["ordered_at"],
        planned_at=rfc3339(now()),
        software=version("chartrier"),
    )


def _values(rewriting: Rewriting, before: Holding, rewritten: Rewritten) -> dict[str, Any]:
    if before.establishment is None:
        raise AssertionError(f"AIP {before.id} belongs to nobody")
    catalogue = MemberV1(
        offset=rewritten.catalogue_offset,
        length=rewritten.catalogue_length,
        sha512=rewritten.catalogue_sha512,
    )
    number = rewriting.plan.version
    return {
        "id": before.id,
        "version": number,
        "kind": "aip",
        "establishment": before.establishment,
        "key": aip_key(before.establishment, before.id, number),
        "sha512": rewritten.sha512,
        "size": rewritten.size,
        "facts": {
            "transfer_id": before.facts["transfer_id"],
            "staging_key": rewriting.staging_key,
            "catalogue": catalogue.model_dump(),
            "order": str(rewriting.plan.order_id),
        },
    }


def _line(rewriting: Rewriting, before: Holding, rewritten: Rewritten) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="aip.rewritten",
        actor=ACTOR,
        object=f"aip:{before.id}",
        establishment=before.establishment,
        transfer_id=UUID(before.facts["transfer_id"]),
        details={
            "order": str(rewriting.plan.order_id),
            "version": rewriting.plan.version,
            "replaces": before.version,
            "sha512": rewritten.sha512,
            "units": rewritten.gone_units,
            "objects": rewritten.gone_objects,
            "files": rewritten.gone_files,
            "bytes": rewritten.gone_bytes,
        },
    )
