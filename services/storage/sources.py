"""Where the bytes of a copy come from: of a holding on its way from staging, of a stored one from another site."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from services.storage import repairing
from services.storage.domain.copies import Copy, CopyState, may_be_good, read_back
from services.storage.domain.holdings import OF_PROOF, Holding
from services.storage.queries import holdings
from services.storage.repairing import Loss
from services.storage.sites import OpenSite
from shared.checksums import Measure
from shared.clock import now
from shared.faults import fault_point
from shared.identifiers import new_id
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject, ObjectLocked, StoreUnavailable, WrongBytes
from shared.object_store.locking import lock_at_least
from shared.object_store.port import ObjectStore, Receipt, Retention, Source
from shared.object_store.versions import version_of

Put = Callable[[Source], Awaitable[Receipt]]
"""Writes a source where the caller wants it, and verifies it on the way (`WrongBytes`)."""


class SourceAway(Exception):
    """The site of a good copy does not answer: nothing is known of it, and another may do."""


async def put_staged(staging: ObjectStore, holding: Holding, put: Put) -> Receipt:
    """Write what lies in staging; a small record is in its sender's word."""
    if holding.body is not None:
        return await put(holding.body)
    staged = holding.facts["staging_key"]
    # A site may believe a file; a container is small enough for every byte to be measured as it passes.
    path = None if holding.kind in OF_PROOF else staging.path_of(staged)
    try:
        return await put(path if path is not None else await staging.open_range(staged))
    except FileNotFoundError:
        # Sites speak of themselves otherwise: let staging say whether the file is gone, or staging itself.
        await staging.stat(staged)
        raise


class GoodCopies:
    """Gives the bytes of a stored holding from a copy that counts, and proves on the way that it does."""

    def __init__(self, database: RoomDatabase, sites: Mapping[str, OpenSite]) -> None:
        self._database = database
        self._sites = sites

    async def put(self, holding: Holding, site: str, put: Put) -> Receipt | None:
        """Write the bytes that the first good copy of another site gives; None if none is left that may be good.

        One that turns out bad is noted lost, and the next is asked. `TryAgain` where that cannot be told today.
        """
        if holding.body is not None:
            return await put(holding.body)
        away = []
        others = [copy for copy in await self._copies(holding) if copy.site != site]
        for copy in (one for one in others if one.state is CopyState.VERIFIED):
            try:
                receipt = await self._from(holding, copy, put)
            except SourceAway as error:
                away.append(f"{copy.site}: {error}")
                continue
            if receipt is not None:
                return receipt
        if away:
            raise TryAgain(f"no site gives {holding.key}: {'; '.join(away)}")
        if may_be_good(one for one in await self._copies(holding) if one.site != site):
            raise TryAgain(f"{holding.key}: another copy is still to be read back")
        return None

    async def _copies(self, holding: Holding) -> list[Copy]:
        async with self._database.reading() as connection:
            return (await holdings.copies_of_all(connection, [holding]))[holding.id, holding.version]

    async def _from(self, holding: Holding, copy: Copy, put: Put) -> Receipt | None:
        """Write from one copy; None if that one was noted lost. Raises `SourceAway`."""
        if copy.site not in self._sites:
            raise SourceAway("not declared")
        store = self._sites[copy.site].store
        try:
            # To its end, not as long as it should be: what is longer is no more whole than what is shorter.
            stream = await store.open_range(holding.key, copy.version_id)
        except StoreUnavailable as error:
            raise SourceAway(str(error)) from error
        except NoSuchObject:
            await self._judge(holding, copy)
            return None
        async with aclosing(stream):
            try:
                return await put(_said(stream))
            except WrongBytes:
                await self._judge(holding, copy)
                return None

    async def _judge(self, holding: Holding, copy: Copy) -> None:
        """Read a doubtful copy back whole, as an audit would, and note it lost; `TryAgain` if it is well."""
        found = await measured(self._sites[copy.site], holding, copy)
        judged = read_back(copy, found, new_id(), now())
        if judged.state is CopyState.VERIFIED:
            raise TryAgain(f"site {copy.site} gave {holding.key} otherwise than it lies there")
        async with self._database.begin() as tx:
            await repairing.lose(tx, [Loss(holding, judged, found)])
        fault_point("storage.repair.source")


async def whole_there(opened: OpenSite, holding: Holding, lock: Retention | None) -> Receipt | None:
    """Return what lies under the key of a lost copy if it is whole: written before a crash, or read wrong before.

    It is locked as what we write, at least: who wrote it may have locked nothing, or for longer. `TryAgain` while the
    site cannot tell.
    """
    try:
        lying = await opened.store.topmost(holding.key)
        if lying is None or lying.size != holding.size:
            return None
        found = await opened.store.sha512(holding.key, lying.version_id, cold=True)
        if found.sha512 != holding.sha512:
            return None
        await lock_at_least(opened.store, holding.key, lying.version_id, lock)
    except NoSuchObject:
        return None
    except (StoreUnavailable, ObjectLocked) as error:
        raise TryAgain(f"site {opened.site.name}: {error}") from error
    return Receipt(holding.key, lying.version_id, lying.size, lying.etag, already_there=True)


async def pinned(opened: OpenSite, holding: Holding, copy: Copy) -> Copy:
    """Return a copy with the version that is to be read, and that is noted with it once it is found whole.

    Of one that nobody of today has written (a rebuild found it again) it may not be known: then it is the oldest with
    these bytes. `TryAgain` while the site cannot tell.
    """
    if copy.version_id is not None or copy.written_by is not None:
        return copy
    try:
        found = await version_of(opened.store, holding.key, holding.sha512)
    except NoSuchObject:
        return copy
    except StoreUnavailable as error:
        raise TryAgain(f"site {copy.site}: {error}") from error
    return copy if found is None else replace(copy, version_id=found.version_id)


async def measured(opened: OpenSite, holding: Holding, copy: Copy) -> Measure | None:
    """Read a copy back whole, past our caches; None where the site has nothing. `TryAgain` while it cannot tell."""
    try:
        return await opened.store.sha512(holding.key, copy.version_id, cold=True)
    except NoSuchObject:
        return None
    except StoreUnavailable as error:
        raise TryAgain(f"site {copy.site}: {error}") from error


async def _said(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass chunks on, and tell a source that breaks off from a site that takes no more. Raises `SourceAway`."""
    try:
        async for chunk in stream:
            yield chunk
    except StoreUnavailable as error:
        raise SourceAway(str(error)) from error
