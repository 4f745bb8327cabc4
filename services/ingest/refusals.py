"""What ingest refuses at its door is journaled: who came, under which agreement, and why it went no further."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.messages.admin import AgreementV1
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem


async def note_refusal(database: RoomDatabase, depositor: str, code: str, agreement: AgreementV1 | None) -> None:
    """Journal a refusal: in the establishment's journal, or the platform's where no agreement tells whose it is."""
    async with database.begin() as tx:
        tx.journal(refusal_line(depositor, code, agreement))


def refusal_line(depositor: str, code: str, agreement: AgreementV1 | None) -> JournalLineV1:
    """Return the journal's line of a refusal, for a transaction that has more to write."""
    details: dict[str, str | int] = {"reason": code}
    return JournalLineV1(
        kind="events",
        action="transfer.refused",
        actor=depositor,
        outcome="ko",
        establishment=None if agreement is None else agreement.establishment,
        details=details if agreement is None else {**details, "agreement": str(agreement.id)},
    )


@asynccontextmanager
async def refusals_noted(database: RoomDatabase, depositor: str, agreement: AgreementV1) -> AsyncIterator[None]:
    """Journal the `Problem` that ends the block, if one does, before it goes its way."""
    try:
        yield
    except Problem as refusal:
        await note_refusal(database, depositor, refusal.code, agreement)
        raise
