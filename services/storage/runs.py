"""Audits that are asked for: a sample of the copies read now, or a whole site compared with the copy map."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from services.storage.lines import ACTOR
from services.storage.queries import runs
from shared.clock import now
from shared.identifiers import new_id
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease, Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue, finish

log = logging.getLogger(__name__)

SAMPLE = "sample"
"""Read the copies that a sample drew on one site."""

COHERENCE = "coherence"
"""Compare what a site lists with the copy map, both ways."""

KEPT = timedelta(days=400)
"""How long it can be asked what came of a run."""

_MONTHLY = UUID("0b9f6a0e-6a42-5d0e-9d5f-7f4be64a1c58")


@dataclass(frozen=True, slots=True)
class Wish:
    """A run that somebody asks for: on which sites, of whose copies (None: everybody's), and what else was said."""

    kind: str
    by: str
    sites: Sequence[str]
    establishment: UUID | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)


async def ask(tx: Transaction, wish: Wish) -> None:
    """Ask for a run, and note in the journal who did; one that is there already stays as it is."""
    values = {
        "id": wish.id,
        "kind": wish.kind,
        "establishment": wish.establishment,
        "asked_by": wish.by,
        "wanted": dict(wish.wanted),
    }
    if not await runs.add(tx.connection, values, wish.sites):
        return
    await enqueue(tx, wish.kind, *(Piece(f"{wish.id}/{site}") for site in wish.sites))
    tx.journal(
        JournalLineV1(
            kind="events",
            action=f"audit.{wish.kind}.asked",
            actor=wish.by,
            object=f"audit:{wish.id}",
            establishment=wish.establishment,
            details={"sites": ",".join(wish.sites), **{name: str(value) for name, value in wish.wanted.items()}},
        )
    )


async def ask_monthly(sites: Sequence[str], database: RoomDatabase) -> int:
    """Have every site compared with the copy map once a calendar month; return 0: nothing is put away."""
    async with database.begin() as tx:
        for site in sites:
            await ask(tx, Wish(COHERENCE, ACTOR, [site], id=uuid5(_MONTHLY, f"{site} {now():%Y-%m}")))
    return 0


async def forget(database: RoomDatabase) -> int:
    """Remove runs of more than a year ago: their ends stand in the journal."""
    async with database.begin() as tx:
        return await runs.forget(tx.connection, KEPT)


def subject_of(held: Lease) -> tuple[UUID, str]:
    """Return the run and the site that a piece of work is about."""
    run, _, site = held.key.partition("/")
    return UUID(run), site


async def end(tx: Transaction, held: Lease, counts: Mapping[str, int]) -> None:
    """End a run's work on a site; with its last site the run ends, which is told in the journal."""
    run_id, site = subject_of(held)
    await finish(tx, held)
    await runs.count_part(tx.connection, run_id, site, counts)
    if not await runs.end_part(tx.connection, run_id, site):
        return
    run = await runs.find(tx.connection, run_id)
    if run is None:
        raise AssertionError(f"run {run_id} ended, and is not there")
    parts = await runs.parts(tx.connection, run_id)
    details: dict[str, str | int] = {}
    for part in parts:
        details |= {f"{part.site}.{name}": count for name, count in part.counts.items()}
    good = all(is_good(part.counts) for part in parts)
    tx.journal(
        JournalLineV1(
            kind="archives",
            action=f"audit.{run.kind}.completed",
            actor=ACTOR,
            outcome="ok" if good else "ko",
            object=f"audit:{run_id}",
            establishment=run.establishment,
            details=details,
        )
    )

    def tell(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        if committed and not good:
            log.error("an audit that was asked for found faults", extra={"run": str(run_id), **details})

    tx.afterwards.append(tell)


def is_good(counts: Mapping[str, int]) -> bool:
    """Say whether nothing but what is as it must be was found: what is unknown is not."""
    return not any(count for name, count in counts.items() if name not in GOOD)


GOOD = frozenset({"drawn", "whole", "listed", "compared"})
"""Counts that tell of no fault."""
