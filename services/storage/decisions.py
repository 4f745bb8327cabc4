"""Decisions that no later version replaces are kept as records: rules published, keys made, transfers decided on."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID, uuid5

from services.storage.domain.keys import record_key
from services.storage.handlers import Arrival, Handle, record, take_records
from shared.messages.admin import RulesPublishedV1, SigningKeyPublishedV1
from shared.messages.ingest import TransferDecidedV1
from shared.messages.message import Message
from shared.messaging.transaction import Transaction

SIGNING_KEYS = UUID("c1f3f6a0-6d43-4d0f-8f0e-2f6f1f6a9b3d")
"""The namespace (RFC 9562, section 5.5) in which the name of a key, its thumbprint, gives the id of its record."""

ONLY = 1
"""The version of what is decided once."""

M = TypeVar("M", bound=Message)


def take_decisions(of: Callable[[M], Arrival], sites: Sequence[str]) -> Handle:
    """Return the handler that keeps messages as records, each as `of` says, to be copied to `sites`."""

    async def handle(tx: Transaction, messages: Sequence[M]) -> None:
        await take_records(tx, [of(message) for message in messages], sites)

    return handle


def rules_record(message: RulesPublishedV1) -> Arrival:
    """Return the record of one publication of rule codes, which lists them all: they are everybody's."""
    key = record_key(None, "rules", message.publication, ONLY)
    return record(message, (message.publication, ONLY, None, key))


def signing_key_record(message: SigningKeyPublishedV1) -> Arrival:
    """Return the record of a key's public half: what it signed can be verified for as long as the record is kept."""
    record_id = uuid5(SIGNING_KEYS, message.kid)
    return record(message, (record_id, ONLY, None, record_key(None, "signing-key", record_id, ONLY)))


def decision_record(message: TransferDecidedV1) -> Arrival:
    """Return the record of what an archivist decided on a transfer; it lies with the establishment's own."""
    key = record_key(message.establishment, "decision", message.transfer_id, ONLY)
    return record(message, (message.transfer_id, ONLY, message.establishment, key))
