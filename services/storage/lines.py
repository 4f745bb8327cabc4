"""The lines storage writes in the journals: what a site holds, and what becomes of a holding."""

from collections.abc import Mapping
from uuid import UUID

from services.storage.domain.copies import Copy, Fault
from services.storage.domain.holdings import OF_PROOF, Holding
from shared.clock import rfc3339
from shared.messages.journal import JournalLineV1

ACTOR = "room:storage"


def told_of(holding: Holding) -> UUID | None:
    """Return whose journal tells of a holding: its establishment's, but of a journal or a proof the platform's.

    Lines about copies of a container would else be in the next container of the same journal, whose copies give lines
    again: each establishment's journal would grow for ever of itself. So only one journal does, once a period.
    """
    return None if holding.kind in OF_PROOF else holding.establishment


def write_line(holding: Holding, copy: Copy) -> JournalLineV1:
    """Return the line of the write log: what a site holds, as read back from it (NF Z42-013)."""
    return JournalLineV1(
        kind="writes",
        action="copy.written",
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=told_of(holding),
        details={
            "site": copy.site,
            "key": holding.key,
            "version": holding.version,
            "version_id": copy.version_id or "",
            "sha512": holding.sha512,
            "size": holding.size,
        },
    )


def lost_line(holding: Holding, copy: Copy, fault: Fault) -> JournalLineV1:
    """Return the line of the write log of a copy that its site did not give back as it was written."""
    line = write_line(holding, copy)
    return line.model_copy(update={"outcome": "ko", "details": {**line.details, "reason": fault.value}})


def life_line(holding: Holding, action: str, details: Mapping[str, str | int]) -> JournalLineV1:
    """Return a line of the life cycle of a holding."""
    transfer = holding.facts.get("transfer_id")
    return JournalLineV1(
        kind="writes" if holding.kind in OF_PROOF else "archives",
        action=action,
        actor=ACTOR,
        object=f"{holding.kind}:{holding.id}",
        establishment=told_of(holding),
        transfer_id=None if transfer is None else UUID(transfer),
        details={"version": holding.version, "sha512": holding.sha512, **details},
    )


def stored_line(holding: Holding, copies: int) -> JournalLineV1:
    """Return the line that tells that a holding stands on every site."""
    return life_line(holding, f"{holding.kind}.stored", {"copies": copies})


def repaired_line(holding: Holding, copy: Copy) -> JournalLineV1:
    """Return the line that tells that a lost copy is whole again."""
    lost_at = "" if copy.lost_at is None else rfc3339(copy.lost_at)
    return life_line(holding, "copy.repaired", {"site": copy.site, "lost_at": lost_at})


def damaged_line(holding: Holding) -> JournalLineV1:
    """Return the line that tells that no site has a good copy left."""
    return life_line(holding, f"{holding.kind}.damaged", {}).model_copy(update={"outcome": "ko"})


def site_line(action: str, site: str, actor: str = ACTOR) -> JournalLineV1:
    """Return the line of what becomes of a site."""
    return JournalLineV1(kind="events", action=action, actor=actor, object=f"site:{site}", details={"site": site})
