"""What examinations find, written down: good copies move on, lost ones are written again, strange things are told."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import Counter

from services.storage.domain.audits import Due, Examined, Verdict
from services.storage.domain.copies import CopyState, read_back
from services.storage.handlers import work_key
from services.storage.lines import ACTOR
from services.storage.queries import audits, holdings, overlays, standing
from services.storage.repairing import Loss, lose
from shared.identifiers import new_id
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue

log = logging.getLogger(__name__)

RENEW = "renew"
"""Look over one copy, and have its site lock it for longer: asked for where that failed when the copy was read."""

LOOKED_OVER = 1000
"""Copies under something strange that are looked over again in an hour."""

AUDITED = Counter("chartrier_audited_copies", "Copies that were read again", ("site", "outcome"))
AUDITED_BYTES = Counter("chartrier_audited_bytes", "Bytes of copies that were read again", ("site",))
UNRENEWED = Counter(
    "chartrier_locks_not_renewed", "Copies whose lock could not be renewed when they were read", ("site",)
)


def known(sites: Sequence[str]) -> None:
    """Have counters begin at 0: what first shows itself as 1 was never seen to increase."""
    for site in sites:
        UNRENEWED.labels(site)
        AUDITED_BYTES.labels(site)
        for outcome in Verdict:
            AUDITED.labels(site, outcome)


async def note_examined(tx: Transaction, examined: Sequence[Examined]) -> list[Examined]:
    """Write down what was found of copies, and return it as it then stands, for `tally` once it is committed."""
    lost = [one for one in examined if one.verdict.is_loss]
    judged = await _note_lost(tx, lost) if lost else set()
    examined = [
        replace(one, verdict=Verdict.OVERTAKEN) if one.verdict.is_loss and one.due not in judged else one
        for one in examined
    ]
    await audits.note_whole(tx.connection, [one for one in examined if one.verdict is Verdict.WHOLE])
    await standing.note_unread(tx.connection, [one for one in examined if one.verdict is Verdict.UNKNOWN])
    await note_overlaid(tx, [(one.due, one.overlaid) for one in examined])
    await enqueue(tx, RENEW, *(_renewal(one.due) for one in examined if not one.renewed))
    return examined


async def note_overlaid(tx: Transaction, seen: Sequence[tuple[Due, bool | None]]) -> None:
    """Write down above which copies something strange lies; what was not known yet is told, once it is committed."""
    news = await overlays.note(tx.connection, seen)
    for due in news:
        tx.journal(_overlaid_line(due))

    def tell(committed: bool) -> None:  # noqa: FBT001 (said once, by the transaction)
        for due in news if committed else ():
            strange = {"site": due.site, "key": due.key, "version": due.version_id}
            log.error("something strange lies above a copy", extra=strange)

    tx.afterwards.append(tell)


async def look_again(database: RoomDatabase) -> int:
    """Have copies under something strange looked over again, for it may be gone; return 0: nothing is put away."""
    async with database.begin() as tx:
        await enqueue(tx, RENEW, *map(_renewal, await overlays.some(tx.connection, LOOKED_OVER)))
    return 0


def _renewal(due: Due) -> Piece:
    # Whose it is: the site's, so that a store that refuses them all keeps no sample from being read.
    return Piece(work_key(due.holding, due.version, due.site), owner=due.site)


async def _note_lost(tx: Transaction, lost: Sequence[Examined]) -> set[Due]:
    """Lose the copies that still are what was read; return those."""
    keys = [(one.due.holding, one.due.version, one.due.site) for one in lost]
    # Locked, so that nobody repairs, or purges, what is judged here.
    await holdings.lock_holdings(tx.connection, {(holding, version) for holding, version, _ in keys})
    subjects = await holdings.subjects(tx.connection, keys)
    losses = {}
    for key, one in zip(keys, lost, strict=True):
        holding, copy = subjects[key]
        same = copy.state is CopyState.VERIFIED and copy.written_at == one.due.written_at
        if same and holding.state in audits.AUDITED:
            losses[one.due] = Loss(holding, read_back(copy, one.found, new_id(), one.at), one.found)
    if losses:
        await lose(tx, list(losses.values()))
    return set(losses)


def tally(one: Examined) -> None:
    """Count what was found, and tell what a person must know."""
    due = one.due
    seen = {"site": due.site, "key": due.key, "version": due.version_id, "verdict": one.verdict}
    AUDITED.labels(due.site, one.verdict).inc()
    AUDITED_BYTES.labels(due.site).inc(one.found.size if one.found else 0)
    if one.verdict is Verdict.UNKNOWN:
        log.error("a copy cannot be read", extra=seen)
    if not one.renewed:
        UNRENEWED.labels(due.site).inc()
        log.warning("a lock was not renewed", extra=seen)


def tell_losing(site: str, lost: int) -> None:
    """Tell that so much of a site is gone that it is the site which somebody must look at."""
    log.critical("a site loses its copies: it is read on slowly", extra={"site": site, "lost": lost})


def _overlaid_line(due: Due) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action="copy.overlaid",
        actor=ACTOR,
        outcome="ko",
        object=f"{due.kind}:{due.holding}",
        establishment=due.establishment,
        details={"site": due.site, "key": due.key, "version": due.version, "version_id": due.version_id or ""},
    )
