"""First the journals: verified and kept by proof, each sender's chain goes on, and what lines say is put aside."""

from collections.abc import AsyncIterator
from typing import cast

from services.proof.domain.rebuilt import Container
from services.proof.rebuilding import JournalRebuilder, Taken, journal_heads, lift_senders
from services.rebuild.facts import copies_of, facts_of
from services.rebuild.house import House, TooLarge
from services.rebuild.shelves import owners, shelf
from services.storage.domain.key_names import PLATFORM, NamedContainer
from services.storage.domain.keys import journal_key
from shared.checksums import sha512_of
from shared.faults import fault_point
from shared.messages.journal import JournalKind
from shared.messaging.chain import Head, follow
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

CONTAINER = "container:"
"""What facts about a container are about, with its key: what storage is to keep of it."""

WRITES = f"{PLATFORM}/journals/writes/"
"""The platform's write log: it tells of every container, those of its own journal too."""


async def rebuild_journals(house: House) -> None:
    """Bring back every journal of the site, then have each room's chain go on where its lines end."""
    # Read twice: what it says of containers is asked for from the first one on.
    await _follow(house, WRITES, JournalRebuilder(None), noting=True)
    async for owner in owners(house.store):
        for kind in ("archives", "events", "writes"):
            database = None if house.dry else house.rooms["proof"]
            await _follow(house, f"{owner}/journals/{kind}/", JournalRebuilder(database))
    if not house.dry:
        await _go_on(house)


async def _follow(house: House, prefix: str, journal: JournalRebuilder, *, noting: bool = False) -> None:
    number = 0
    async for version, named in _containers(house, prefix, silent=noting):
        container = await _read(house, version, named, number)
        if container is None:
            continue
        number = container.number
        for taken in await journal.take(container):
            _note(house, taken, silent=noting)
    for taken in await journal.close():
        _note(house, taken, silent=noting)


async def _containers(house: House, prefix: str, *, silent: bool) -> AsyncIterator[tuple[Version, NamedContainer]]:
    async for version, named in shelf(house.store, prefix):
        if isinstance(named, NamedContainer):
            yield version, named
        elif not silent:
            house.report.fault("foreign_object", version.key, "no container of journal lines is called so")


async def _read(house: House, version: Version, named: NamedContainer, before: int) -> Container | None:
    """Return a container with its number: as the write log has it, else one more than the one before."""
    house.scratch.see([version.key])
    told = house.scratch.about([copies_of(version.key)])[copies_of(version.key)].get(house.site)
    try:
        recorded = None if told is None else told["details"]["version_id"] or None
        content = await house.read(version.key, version.size, recorded)
    except (NoSuchObject, TooLarge) as error:
        house.report.fault("container_unreadable", version.key, str(error))
        return None
    return Container(
        kind=cast("JournalKind", named.kind),
        establishment=named.owner,
        number=before + 1 if told is None else told["details"]["version"],
        first=named.first,
        last=named.last,
        content=content,
        sha512=sha512_of(content),
        expected=None if told is None else told["details"]["sha512"],
    )


def _note(house: House, taken: Taken, *, silent: bool) -> None:
    container, report = taken.container, house.report
    house.scratch.note(facts_of(taken.lines))
    if silent:
        return
    key = journal_key(container.establishment, container.kind, container.first, container.last)
    for fault in taken.faults:
        report.fault("container_at_fault", key, fault)
    if taken.gap is not None:
        report.fault("lines_missing", container.journal, taken.gap)
    report.came("journal lines", len(taken.lines))
    if not taken.faults:
        house.scratch.note([(CONTAINER + key, "", _described(container, taken.head))])


def _described(container: Container, head: str) -> dict[str, str | int]:
    return {
        "journal": container.journal,
        "number": container.number,
        "sha512": container.sha512,
        "size": len(container.content),
        "head": head,
    }


async def _go_on(house: House) -> None:
    for head in await lift_senders(house.rooms["proof"]):
        if head.sender not in house.rooms:
            house.report.fault("sender_unknown", head.sender, "no room of this archive is called so")
            continue
        async with house.rooms[head.sender].begin() as tx:
            stands = await follow(tx.connection, head.sender, Head(head.batch, head.sha512))
        fault_point("rebuild.journals.followed")
        house.report.came("batches without a line", head.unknown)
        if stands.batch > head.batch:
            text = f"its database is at batch {stands.batch}, the journals at {head.batch}"
            house.report.fault("sender_ahead", head.sender, text)
    for name, end in (await journal_heads(house.rooms["proof"])).items():
        house.report.heads[name] = {"number": end.number, "sha512": end.sha512}
