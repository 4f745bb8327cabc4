"""``drills note``: what a trial of recovery has shown, in the journal of events.

Source: requirement STO-08, a recovery plan that is tried, with what was lost and how long it took on record.
"""

import argparse

from services.commands.asking import in_room, lasting, moment
from services.commands.frame import ACTOR, Answer, Commands, add_command, places
from shared.clock import now, rfc3339
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase

SUBJECTS = ("database", "site", "staging", "everything")


def add_to(commands: Commands) -> None:
    """Add the command."""
    summary = "recovery drills: put on record what one has shown"
    below = commands.add_parser("drills", help=summary, description=summary).add_subparsers(
        required=True, metavar="note"
    )
    noting = add_command(below, "note", "say what was lost, and how long it took", run_note)
    noting.add_argument("subject", choices=SUBJECTS, help="what was had again")
    noting.add_argument("--took-seconds", type=_seconds, required=True, help="from the loss until deposits went on")
    noting.add_argument(
        "--lost-seconds", type=_seconds, required=True, help="age of the newest thing that did not come back; 0: none"
    )
    noting.add_argument("--at", type=moment, default=None, help="when it was tried (default: now)")
    noting.add_argument("--failed", action="store_true", help="it could not be had again as it should")


def run_note(asked: argparse.Namespace) -> Answer:
    """Write the line, from the first room that this process may speak for."""
    at = rfc3339(asked.at or now())
    details = {"tried_at": at, "took_seconds": asked.took_seconds, "lost_seconds": asked.lost_seconds}
    line = JournalLineV1(
        kind="events",
        action="recovery.drilled",
        actor=ACTOR,
        outcome="ko" if asked.failed else "ok",
        object=f"recovery:{asked.subject}",
        details=details,
    )

    async def note(database: RoomDatabase) -> None:
        async with database.begin() as tx:
            tx.journal(line)

    in_room(places()[0], note)
    said = f"{asked.subject}: took {lasting(asked.took_seconds)}, lost {lasting(asked.lost_seconds)}; on record."
    return Answer({"subject": asked.subject, "failed": asked.failed, **details}, [said])


def _seconds(written: str) -> int:
    if not written.isdecimal():
        raise argparse.ArgumentTypeError(f"{written!r} is no number of seconds")
    return int(written)
