"""Read packages anew, whole, for trees of another algorithm: every member's bytes are hashed again.

A package whose files were partly eliminated has other versions than those that were sealed: whatever file of a
version is still there, in whichever version of today, stays proven. Nothing waits for this: it is read at the pace
that the operator sets, one package at a time, and each is kept as it is read.
"""

import asyncio
import hashlib
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any, cast
from uuid import UUID

import httpx

from services.proof import tree_queries as queries
from services.proof.domain.hash_tree import split
from services.proof.gathering import PackageGone, PackageWaits
from services.proof.tree_queries import Campaign
from shared.calls import RoomCalls, RoomUnavailable
from shared.faults import fault_point
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import confirm, enqueue, finish

READ = "reread_package"
"""Hash the files of a package anew; the key is the campaign and the package."""

PIECE = 1024 * 1024


async def ask(tx: Transaction, campaign: Campaign, aips: list[UUID]) -> None:
    """Ask for packages to be read for a campaign."""
    told = {"algorithm": campaign.algorithm, "through": campaign.through, "campaign": campaign.number}
    pieces = [Piece(f"{campaign.number}/{aip}", {**told, "aip": str(aip)}, lane=Lane.BACKGROUND) for aip in aips]
    await enqueue(tx, READ, *pieces)


class Rereader:
    """Reads packages through storage, and keeps digests by the new algorithm."""

    def __init__(self, database: RoomDatabase, calls: RoomCalls) -> None:
        self._database = database
        self._calls = calls

    async def read(self, held: Lease) -> None:
        """Read the versions of a package.

        Raises `RoomUnavailable` while storage does not answer, `PackageWaits` where a file is not as it was sealed.
        """
        told = held.payload
        campaign, aip = Campaign(told["campaign"], told["algorithm"], told["through"]), UUID(told["aip"])
        async with self._database.reading() as connection:
            versions = await queries.versions(connection, campaign, aip)
        found: dict[bytes, bytes] = {}
        for version, digests in versions:
            await self._take(campaign.algorithm, aip, (version, digests), found)
        files = {version: _still_there(digests, found) for version, digests in versions}
        async with self._database.begin() as tx:
            await confirm(tx, held)
            await queries.keep_read(tx.connection, campaign, aip, files)
        fault_point("proof.reread.kept")
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _take(self, algorithm: str, aip: UUID, version: tuple[int, bytes], found: dict[bytes, bytes]) -> None:
        number, digests = version
        try:
            async with self._content(aip, number) as chunks:
                file = _Chunks(chunks, asyncio.get_running_loop())
                own = await asyncio.to_thread(_members, file, algorithm)
        except PackageGone:
            return
        except tarfile.TarError as error:
            raise PackageWaits(f"aip {aip}, version {number}: no TAR") from error
        if not own.keys() >= set(split(digests)):
            raise PackageWaits(f"aip {aip}, version {number}: a file is not as it was sealed")
        found |= own

    @asynccontextmanager
    async def _content(self, aip: UUID, version: int) -> AsyncIterator[AsyncIterator[bytes]]:
        path = f"/storage/v1/aips/{aip}/content?version={version}"
        try:
            async with self._calls.stream("storage", path, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.status_code == httpx.codes.GONE:
                    raise PackageGone
                if answer.status_code in {404, 409}:
                    raise PackageWaits(f"aip {aip}, version {version}: storage answers {answer.status_code}")
                if answer.status_code != httpx.codes.OK:
                    raise RoomUnavailable(f"storage: {answer.status_code} for {aip}")
                yield answer.aiter_raw()
        except httpx.HTTPError as error:
            raise RoomUnavailable(f"storage: {type(error).__name__}") from error


def _still_there(digests: bytes, found: dict[bytes, bytes]) -> bytes | None:
    return b"".join(sorted({found[one] for one in split(digests) if one in found})) or None


def _members(file: "_Chunks", algorithm: str) -> dict[bytes, bytes]:
    """Return the digest of every member by its SHA-512. Raises `tarfile.TarError`."""
    found: dict[bytes, bytes] = {}
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None:
                continue
            old, new = hashlib.sha512(), hashlib.new(algorithm)
            while piece := content.read(PIECE):
                old.update(piece)
                new.update(piece)
            found[old.digest()] = new.digest()
    return found


class _Chunks:
    """What comes over the network, as a file for a thread to read while the loop waits for more."""

    def __init__(self, chunks: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks, self._loop = chunks, loop
        self._left = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._left) < size:
            chunk = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not chunk:
                break
            self._left += chunk
        taken = bytes(self._left[:size])
        del self._left[:size]
        return taken

    async def _next(self) -> Any:  # noqa: ANN401 (bytes, or nothing)
        return await anext(self._chunks, b"")
