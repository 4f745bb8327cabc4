"""``backups note``: that a back-up was taken, or given back, in the journal of events.

Whoever takes back-ups does it with tools of their own; the journal hears of it from them. Source: NF Z42-013, back-up
and restore are events of the system; article R55-4 of the French postal code, operations of maintenance.
"""

import argparse
import re

from services.commands.asking import in_room, moment
from services.commands.drills import SUBJECTS
from services.commands.frame import ACTOR, Answer, Commands, add_command, places
from shared.clock import now, rfc3339
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase

_SHA512 = re.compile(r"[0-9a-f]{128}")


def add_to(commands: Commands) -> None:
    """Add the command."""
    summary = "back-ups: put on record that one was taken, or given back"
    below = commands.add_parser("backups", help=summary, description=summary).add_subparsers(
        required=True, metavar="note"
    )
    noting = add_command(below, "note", "say what was done, of what, and when", run_note)
    noting.add_argument("what", choices=("taken", "restored"), help="what was done")
    noting.add_argument("subject", choices=SUBJECTS, help="of what")
    noting.add_argument("--at", type=moment, default=None, help="when (default: now)")
    noting.add_argument("--sha512", type=_digest, default=None, help="digest of the back-up, in hexadecimal")
    noting.add_argument("--failed", action="store_true", help="it was begun, and came to nothing")


def run_note(asked: argparse.Namespace) -> Answer:
    """Write the line, from the first room that this process may speak for."""
    details: dict[str, str | int] = {"what": asked.what, "at": rfc3339(asked.at or now())}
    if asked.sha512 is not None:
        details["sha512"] = asked.sha512
    line = JournalLineV1(
        kind="events",
        action="backup.noted",
        actor=ACTOR,
        outcome="ko" if asked.failed else "ok",
        object=f"backup:{asked.subject}",
        details=details,
    )

    async def note(database: RoomDatabase) -> None:
        async with database.begin() as tx:
            tx.journal(line)

    in_room(places()[0], note)
    return Answer({"subject": asked.subject, "failed": asked.failed, **details}, [f"{asked.subject}: on record."])


def _digest(written: str) -> str:
    if not _SHA512.fullmatch(written.lower()):
        raise argparse.ArgumentTypeError(f"{written!r} is no SHA-512 in hexadecimal")
    return written.lower()
