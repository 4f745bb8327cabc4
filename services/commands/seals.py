"""``seals make``: an anchor and a seal now, not when their time has come: before a back-up, a drill or an audit."""

import argparse

from services.commands.asking import in_room
from services.commands.frame import ACTOR, Answer, Commands, add_command, places
from services.proof.domain.proofs import MAKE, NOW
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import enqueue


def add_to(commands: Commands) -> None:
    """Add ``seals make``."""
    summary = "anchors and seals: have them made"
    below = commands.add_parser("seals", help=summary, description=summary).add_subparsers(
        required=True, metavar="make"
    )
    add_command(below, "make", "have proof make an anchor and a seal, now", _make)


def _make(_: argparse.Namespace) -> Answer:
    (place,) = places("proof")
    in_room(place, _ask)
    lines = ["Asked for: proof makes them as soon as it runs. GET /proof/v1/status tells how far they are."]
    return Answer({"asked": True}, lines)


async def _ask(database: RoomDatabase) -> None:
    async with database.begin() as tx:
        await enqueue(tx, MAKE, Piece(NOW))
        tx.journal(JournalLineV1(kind="events", action="seals.asked", actor=ACTOR))
