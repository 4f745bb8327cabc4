"""Containers of journal lines are kept on every site, so that a journal outlives the database it was written in."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from services.storage.domain.keys import journal_key
from services.storage.handlers import Arrival, Handle, take_once
from shared.messages.proof import JournalClosedV1
from shared.messaging.transaction import Transaction

JOURNALS = UUID("6f0b7c1e-52a4-4f0b-9d57-3d1c7a0f6b21")
"""The namespace (RFC 9562, section 5.5) in which the name of a journal gives the id of what is kept of it."""


def journal_id(journal: str) -> UUID:
    """Return the id that the containers of a journal are kept under, each as a version of its own."""
    return uuid5(JOURNALS, journal)


def take_journals(sites: Sequence[str]) -> Handle:
    """Return the handler that takes containers in, to be copied to `sites`; another under a number is `Rejected`."""

    async def handle(tx: Transaction, messages: Sequence[JournalClosedV1]) -> None:
        await take_once(tx, [_arrival(message) for message in messages], sites)

    return handle


def _arrival(message: JournalClosedV1) -> Arrival:
    facts = message.model_dump(mode="json", include={"journal", "kind", "first", "last", "head", "staging_key"})
    values = {
        "id": journal_id(message.journal),
        "version": message.number,
        "kind": "journal",
        "establishment": message.establishment,
        "key": journal_key(message.establishment, message.kind, message.first, message.last),
        "sha512": message.sha512,
        "size": message.size,
        "facts": facts,
    }
    return Arrival(values, message.message_id)
