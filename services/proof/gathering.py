"""Gather what each stored package is made of, for the next seal: read from a site, through storage.

    aip.stored.v1 ──► package_group (without digests) + a piece of work for many ──► METS of each ──► digests

A package that cannot be read yet holds up no other: what was found out of the others is kept, and the work comes
again for those that are left. One that was purged meanwhile is noted as gone.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import httpx

from services.proof import group_queries as queries
from services.proof.domain.hash_tree import group_value
from services.proof.domain.members import Members, UnreadablePackage, place_of_mets
from services.proof.group_queries import Group, Package
from shared.calls import RoomCalls, RoomUnavailable
from shared.faults import fault_point
from shared.messages.storage import AipStoredV1
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import confirm, enqueue, finish

GATHER = "gather_groups"
"""Find out what some packages are made of."""

PACKAGES = 50
"""Packages in one piece of work."""

HEAD_BYTES = 64 * 1024
"""Read first: of nearly every package all of METS."""

AT_ONCE_BYTES = 8 * 1024**2
"""Digests written at once: a group of 100,000 files has 6.4 MB of them."""


REST_TIMES = 4.0
"""Reading takes at most one part in five of a worker's time. Where deposits keep the machine busy a package takes
longer to read, so that fewer are: the others are made up for when it is calm again."""


Rest = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class PackageGone(Exception):
    """Storage gives this version of the AIP to nobody any more: it was purged on order."""


class PackageWaits(TryAgain):
    """Storage answers, but not with an AIP of ours; somebody has to look."""


async def take_packages(tx: Transaction, messages: Sequence[AipStoredV1]) -> None:
    """Note packages that are stored, and ask for what they are made of; nobody waits for it but the next seal."""
    await queries.take(tx.connection, messages)
    pieces = []
    for start in range(0, len(messages), PACKAGES):
        some = messages[start : start + PACKAGES]
        named = [{"aip": str(message.aip_id), "version": message.version} for message in some]
        cause = some[0].message_id
        pieces.append(Piece(str(cause), {"packages": named}, cause, lane=Lane.BACKGROUND))
    await enqueue(tx, GATHER, *pieces)


class Gatherer:
    """Reads METS of packages, and keeps the digests it names."""

    def __init__(self, database: RoomDatabase, calls: RoomCalls, rest: Rest = asyncio.sleep) -> None:
        self._database = database
        self._calls = calls
        self._rest = rest

    async def gather(self, held: Lease) -> None:
        """Find out what the packages of a piece of work are made of.

        Raises `RoomUnavailable` while storage does not answer, `PackageWaits` for what is none of our AIPs.
        """
        named = [Package(UUID(one["aip"]), int(one["version"])) for one in held.payload["packages"]]
        async with self._database.reading() as connection:
            waiting = deque(await queries.ungathered(connection, named))
        faults: list[TryAgain] = []
        while waiting:
            groups = await self._read_some(waiting, faults)
            async with self._database.begin() as tx:
                await confirm(tx, held)
                await queries.keep(tx.connection, groups)
            fault_point("proof.gather.kept")
        if faults:
            raise faults[0]
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _read_some(self, waiting: deque[Package], faults: list[TryAgain]) -> list[Group]:
        """Take packages from those that wait and read them, until there is enough to write."""
        groups: list[Group] = []
        size = 0
        while waiting and size < AT_ONCE_BYTES:
            package, started = waiting.popleft(), time.monotonic()
            try:
                groups.append(await self._group(package))
            except PackageWaits as error:
                faults.append(error)
            except RoomUnavailable as error:
                # The others would not be read either.
                faults.append(error)
                waiting.clear()
            else:
                size += len(groups[-1].digests or b"")
            if waiting:
                await self._rest(REST_TIMES * (time.monotonic() - started))
        return groups

    async def _group(self, package: Package) -> Group:
        try:
            digests = await self.digests(package)
        except PackageGone:
            return Group(package, None, None)
        except UnreadablePackage as error:
            raise PackageWaits(f"aip {package.aip}, version {package.version}: {error}") from error
        return Group(package, b"".join(digests), group_value(digests))

    async def digests(self, package: Package) -> list[bytes]:
        """Return the digests of all that METS of a package names now, and its own, ascending.

        Raises `PackageGone`, `UnreadablePackage`, and `RoomUnavailable` while storage does not answer.
        """
        async with self._range(package, 0, HEAD_BYTES) as chunks:
            head = b"".join([chunk async for chunk in chunks])
        offset, length = place_of_mets(head, str(package.aip))
        end = offset + length
        members = Members()
        members.feed(head[offset:end])
        if end > len(head):
            async with self._range(package, len(head), end - len(head)) as chunks:
                async for chunk in chunks:
                    members.feed(chunk)
        return members.end()

    @asynccontextmanager
    async def _range(self, package: Package, offset: int, length: int) -> AsyncIterator[AsyncIterator[bytes]]:
        path = f"/storage/v1/aips/{package.aip}/content?version={package.version}"
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        try:
            async with self._calls.stream("storage", path, headers=headers) as answer:
                if answer.status_code == 410:
                    raise PackageGone
                if answer.status_code in {404, 409, 416}:
                    raise UnreadablePackage(f"storage answers {answer.status_code}")
                if answer.status_code != 206:
                    raise RoomUnavailable(f"storage: {answer.status_code} for {package.aip}")
                yield answer.aiter_raw()
        except httpx.HTTPError as error:
            raise RoomUnavailable(f"storage: {type(error).__name__}") from error
