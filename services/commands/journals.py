"""``journals close``: what proof alone has of the journals leaves for the sites now, before a back-up or a drill."""

import argparse
from dataclasses import dataclass

from services.commands.asking import in_room
from services.commands.frame import ACTOR, UNAVAILABLE, Answer, Commands, Fault, add_command, at, places
from services.proof import container_queries as queries
from services.proof.closing import Closer
from services.proof.domain.containers import Container
from services.proof.settings import ProofSettings
from shared.configuration import read
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import StoreError
from shared.object_store.opening import open_store


class StagingAway(Fault):
    """Staging does not take containers."""

    status = UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Closed:
    """What was closed, and how many containers in all are not yet on every site."""

    containers: list[Container]
    awaited: int


def add_to(commands: Commands) -> None:
    """Add ``journals close``."""
    summary = "the journals: have them leave for the sites"
    below = commands.add_parser("journals", help=summary, description=summary).add_subparsers(
        required=True, metavar="close"
    )
    add_command(below, "close", "close a container of each journal that has new lines, now", _close)


def _close(_: argparse.Namespace) -> Answer:
    (place,) = places("proof")
    with at(place):
        own = read(ProofSettings)
    found = in_room(place, lambda database: _closed(database, own.staging_url))
    facts = {
        "closed": [
            {"journal": one.journal, "number": one.number, "first": one.first, "last": one.last}
            for one in found.containers
        ],
        "awaited": found.awaited,
    }
    lines = [f"{one.journal}: lines {one.first} to {one.last}" for one in found.containers]
    lines.append(f"{len(found.containers)} closed; {found.awaited} not on every site yet, which storage sees to.")
    return Answer(facts, lines)


async def _closed(database: RoomDatabase, staging_url: str) -> Closed:
    staging = open_store(staging_url)
    closer, closed = Closer(database, staging), []
    try:
        async with database.reading() as connection:
            names = await queries.unclosed(connection)
        for name in names:
            closed += await closer.close_journal(name, whole=True)
    except StoreError as error:
        raise StagingAway(f"Staging takes nothing ({error}): what was closed before stays closed.") from error
    finally:
        await staging.close()
    async with database.begin() as tx:
        awaited = await queries.count_awaited(tx.connection)
        details: dict[str, str | int] = {"containers": len(closed)}
        tx.journal(JournalLineV1(kind="events", action="journals.closed", actor=ACTOR, details=details))
    return Closed(closed, awaited)
