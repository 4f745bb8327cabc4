"""The platform's write log, read from its end: what it says of containers, those of its own journal too.

Each of its containers is told of by a later one, the last by none: only what else answers for that one makes
the others known, so that containers written behind it say nothing (`services.rebuild.vouching`).
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

from services.proof.domain.rebuilt import faults_of, read_container
from services.rebuild.ahead import ahead
from services.rebuild.facts import copies_of
from services.rebuild.house import House, TooLarge
from services.rebuild.ours import hidden, ours
from services.rebuild.shelves import shelf
from services.rebuild.telling import WRITES, facts_about
from services.storage.domain.key_names import NamedContainer
from shared.checksums import sha512_of
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

FETCHED_AHEAD = 8

Listed = tuple[Version, NamedContainer]


async def trace_containers(house: House) -> None:
    """Put aside what the write log says of containers; what is wrong with it is named when it is read again."""
    async with aclosing(ahead(_from_its_end(house), partial(_fetched, house), FETCHED_AHEAD)) as fetched:
        async for (version, named), content in fetched:
            await _trace(house, version, named, content)


async def _from_its_end(house: House) -> AsyncIterator[Listed]:
    listed = [one async for one in shelf(house.store, WRITES)]
    listed += [one async for one in hidden(house.store, WRITES)]
    for version, named in sorted(listed, key=lambda one: one[0].key, reverse=True):
        if isinstance(named, NamedContainer):
            yield version, named


async def _fetched(house: House, listed: Listed) -> bytes | None:
    """Return what is on top under a key: of nearly all it is ours, and which version is, only a later one tells."""
    version, _ = listed
    try:
        return await house.read(version.key, version.size, version.version_id)
    except (NoSuchObject, TooLarge):
        return None


async def _trace(house: House, version: Version, named: NamedContainer, fetched: bytes | None) -> None:
    content = await _ours(house, version.key, fetched)
    if content is None:
        return
    lines = read_container(named.first, content)
    if faults_of("writes.platform", named.first, named.last, lines):
        return
    # The latest word on a key is the first that is come upon here.
    containers = facts_about(NamedContainer, reversed([line.facts for line in lines]))
    house.scratch.note(containers, over=False)


async def _ours(house: House, key: str, fetched: bytes | None) -> bytes | None:
    """Return the bytes that a later container tells of; of which none does, those that somebody answers for."""
    told = house.scratch.about([copies_of(key)])[copies_of(key)].get(house.site)
    try:
        if told is None:
            found = await ours(house, key)
            taken = found.by or not house.others
            return await house.read(key, found.version.size, found.version.version_id) if taken else None
        details = told["details"]
        if fetched is None or sha512_of(fetched) != details["sha512"]:
            fetched = await house.read(key, details["size"], details["version_id"] or None)
    except (NoSuchObject, TooLarge):
        return None
    return fetched if sha512_of(fetched) == details["sha512"] else None
