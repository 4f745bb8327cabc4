"""The platform's write log, read from its end: what it says of containers, those of its own journal too.

Each of its containers is told of by a later one, the last by none: only what else answers for that one makes
the others known, so that containers written behind it say nothing (`services.rebuild.vouching`).
"""

from services.proof.domain.rebuilt import faults_of, read_container
from services.rebuild.facts import copies_of
from services.rebuild.house import House, TooLarge
from services.rebuild.shelves import shelf
from services.rebuild.telling import WRITES, facts_about
from services.rebuild.vouching import vouched
from services.storage.domain.key_names import NamedContainer
from shared.checksums import sha512_of
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version


async def trace_containers(house: House) -> None:
    """Put aside what the write log says of containers; what is wrong with it is named when it is read again."""
    listed = [one async for one in shelf(house.store, WRITES)]
    for version, named in reversed(listed):
        if isinstance(named, NamedContainer):
            await _trace(house, version, named)


async def _trace(house: House, version: Version, named: NamedContainer) -> None:
    told = house.scratch.about([copies_of(version.key)])[copies_of(version.key)].get(house.site)
    try:
        recorded = None if told is None else told["details"]["version_id"] or None
        content = await house.read(version.key, version.size, recorded)
    except (NoSuchObject, TooLarge):
        return
    lines, sha512 = read_container(named.first, content), sha512_of(content)
    if faults_of("writes.platform", named.first, named.last, lines):
        return
    if told is None and house.others and not await vouched(house, version.key, sha512):
        return
    if told is not None and told["details"]["sha512"] != sha512:
        return
    # The latest word on a key is the first that is come upon here.
    containers = facts_about(NamedContainer, reversed([line.facts for line in lines]))
    house.scratch.note(containers, over=False)
