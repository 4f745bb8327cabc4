"""First the journals: verified and kept by proof, each sender's chain goes on, and what lines say is put aside."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from services.proof.domain.rebuilt import Container
from services.proof.rebuilding import JournalRebuilder, Taken, batches_beyond, journal_heads, lift_senders
from services.rebuild import copies
from services.rebuild.ahead import ahead
from services.rebuild.facts import copies_of
from services.rebuild.house import House, TooLarge
from services.rebuild.ours import ours
from services.rebuild.shelves import owners, shelf
from services.rebuild.telling import note_lines
from services.rebuild.vouching import WITHOUT_LINE, Vouched
from services.rebuild.writelog import trace_containers
from services.storage.domain.key_names import NamedContainer, named_by
from services.storage.domain.keys import journal_key
from shared.checksums import sha512_of
from shared.faults import fault_point
from shared.messages.journal import JournalKind
from shared.messaging.chain import Head, follow, untold
from shared.object_store.errors import NoSuchObject
from shared.object_store.keeping import Version

CONTAINER = "container:"
"""What facts about a container are about, with its key: what storage is to keep of it."""

END_BELIEVED = "end_believed"
"""What is found where the last containers are taken on the word of the site alone."""

FETCHED_AHEAD = 8
"""Containers that are read from the site while others are taken; none of ours has more than 16 MiB."""

Listed = tuple[Version, NamedContainer]


async def rebuild_journals(house: House) -> None:
    """Bring back every journal of the site, then have each room's chain go on where its lines end."""
    # First what is said of containers: it is asked for from the first one on.
    await trace_containers(house)
    async for owner in owners(house.store):
        for kind in ("archives", "events", "writes"):
            await _follow(house, f"{owner}/journals/{kind}/")
    if not house.dry:
        await _go_on(house)


async def _follow(house: House, prefix: str) -> None:
    journal = JournalRebuilder(None if house.dry else house.rooms["proof"])
    number = 0
    fetch = partial(_fetched, house)
    async with aclosing(ahead(_containers(house, prefix), fetch, FETCHED_AHEAD)) as fetched:
        async for listed, content in fetched:
            container = await _read(house, listed, content, number)
            if container is None:
                continue
            number = container.number
            for taken in await journal.take(container):
                _note(house, taken)
    for taken in await journal.close():
        _note(house, taken)


async def _containers(house: House, prefix: str) -> AsyncIterator[Listed]:
    """Yield the containers of a journal; of which no line tells, only those behind all the others."""
    unlogged: list[Listed] = []
    found = {version.key: (version, named) async for version, named in shelf(house.store, prefix)}
    house.scratch.see(found)
    async for version in copies.hidden(house, prefix):
        found[version.key] = (version, named_by(version.key))
    for version, named in (found[key] for key in sorted(found)):
        if not isinstance(named, NamedContainer):
            house.report.fault("foreign_object", version.key, "no container of journal lines is called so")
        elif _told(house, version.key) is None:
            unlogged.append((version, named))
        else:
            for before, _ in unlogged:
                house.report.fault("container_at_fault", before.key, "no line tells of it, as of later ones")
            unlogged = []
            yield version, named
    for one in unlogged:
        yield one


def _told(house: House, key: str) -> Mapping[str, Any] | None:
    return house.scratch.about([copies_of(key)])[copies_of(key)].get(house.site)


async def _fetched(house: House, listed: Listed) -> bytes | NoSuchObject | TooLarge | None:
    """Return the bytes of a container as the write log has it, or why there are none; None where no line tells."""
    version, _ = listed
    told = _told(house, version.key)
    if told is None:
        return None
    recorded = told["details"]["version_id"] or None
    try:
        # Of what lies above the recorded version the size says nothing.
        size = version.size if recorded is None else told["details"]["size"]
        return await house.read(version.key, size, recorded)
    except (NoSuchObject, TooLarge) as error:
        return error


async def _read(house: House, listed: Listed, content: bytes | Exception | None, before: int) -> Container | None:
    """Return a container with its number: as the write log has it, else one more than the one before."""
    version, named = listed
    told = _told(house, version.key)
    try:
        content = await _unlogged(house, version.key) if content is None else content
    except (NoSuchObject, TooLarge) as error:
        content = error
    if isinstance(content, Exception):
        house.report.fault("container_unreadable", version.key, str(content))
        return None
    if content is None:
        return None
    if told is not None and told["details"]["version_id"] and version.size != len(content):
        house.report.fault("object_overlaid", version.key, f"{version.size} bytes lie above what was recorded")
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


async def _unlogged(house: House, key: str) -> bytes | None:
    """Return the bytes of a container of which no line tells; None where it is not taken."""
    found = await ours(house, key)
    if not _is_taken(house, key, found.by):
        return None
    return await house.read(key, found.version.size, found.version.version_id)


def _is_taken(house: House, key: str, by: Vouched) -> bool:
    """Say whether a container of which no line tells is taken, and note it unless another site has it too.

    The last of the write log is always such a one, and so are those closed since. Where there is no other site to
    ask, they are taken.
    """
    house.report.came("containers without a line", by.by == "site")
    if by.by in ("database", "site"):
        return True
    if by or not house.others:
        house.report.fault(END_BELIEVED, key, "no line tells of it, and no other site has it; taken")
        return True
    house.report.fault(WITHOUT_LINE, key, "no line tells of it, and no other site has it: left out (--take-unlogged)")
    return False


def _note(house: House, taken: Taken) -> None:
    container, report = taken.container, house.report
    note_lines(house, container.establishment, taken.lines)
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
    for sender, batch in await batches_beyond(house.rooms["proof"]):
        house.report.fault(
            "batch_beyond", sender, f"lines are of a batch {batch}, far behind all others: not followed"
        )
    for head in await lift_senders(house.rooms["proof"]):
        if head.sender not in house.rooms:
            house.report.fault("sender_unknown", head.sender, "no room of this archive is called so")
            continue
        async with house.rooms[head.sender].begin() as tx:
            stands = await follow(tx.connection, head.sender, Head(head.batch, head.sha512))
            # What a rebuild that died had it tell, say: as soon as the room runs, proof hears of it.
            waiting = await untold(tx.connection)
        fault_point("rebuild.journals.followed")
        house.report.came("batches without a line", head.unknown)
        if stands.batch > head.batch + waiting:
            text = f"its database is at batch {stands.batch}, the journals at {head.batch}"
            house.report.fault("sender_ahead", head.sender, text)
    for name, end in (await journal_heads(house.rooms["proof"])).items():
        house.report.heads[name] = {"number": end.number, "sha512": end.sha512}
