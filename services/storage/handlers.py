"""What storage does when it hears something: takes AIPs and records in, to be copied by its workers."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import UUID

import rfc8785

from services.storage import queries
from services.storage.domain.keys import aip_key, record_key
from shared.checksums import sha512_of
from shared.messages.admin import AgreementPublishedV1, OrganisationChangedV1
from shared.messages.ingest import AipBuiltV1
from shared.messages.message import Message
from shared.messaging.outcome import Rejected
from shared.messaging.transaction import Transaction
from shared.messaging.work import enqueue_all

WRITE = "write"
"""Write one copy of a holding to one site."""

VERIFY = "verify"
"""Read one copy back from its site, by another task than its writer."""

Handle = Callable[[Transaction, Any], Coroutine[Any, Any, None]]


def work_key(holding: UUID, version: int, site: str) -> str:
    """Name the work on one copy."""
    return f"{holding}/{version}/{site}"


def take_aip(sites: Sequence[str]) -> Handle:
    """Return the handler that takes an AIP in, to be copied to `sites`."""

    async def handle(tx: Transaction, message: AipBuiltV1) -> None:
        known = await queries.newest(tx.connection, message.aip_id, lock=True)
        if known is not None and known.sha512 != message.sha512:
            raise Rejected(f"AIP {message.aip_id} was announced before with other bytes")
        if known is not None and known.state != "refused":
            return
        version = 1 if known is None else known.version + 1
        values = {
            "id": message.aip_id,
            "version": version,
            "kind": "aip",
            "establishment": message.establishment,
            "key": aip_key(message.establishment, message.aip_id, version),
            "sha512": message.sha512,
            "size": message.size,
            "facts": {
                "transfer_id": str(message.transfer_id),
                "staging_key": message.staging_key,
                "catalogue": message.catalogue.model_dump(),
            },
        }
        await _take(tx, values, sites)

    return handle


def take_agreement(sites: Sequence[str]) -> Handle:
    """Return the handler that keeps each version of an agreement as a record."""

    async def handle(tx: Transaction, message: AgreementPublishedV1) -> None:
        agreement = message.agreement
        key = record_key(agreement.establishment, "agreement", agreement.id, agreement.version)
        await _take_record(tx, sites, message, (agreement.id, agreement.version, agreement.establishment, key))

    return handle


def take_organisation(sites: Sequence[str]) -> Handle:
    """Return the handler that keeps each version of an organisation as a record."""

    async def handle(tx: Transaction, message: OrganisationChangedV1) -> None:
        # An establishment leaves with its own records; the other organisations are the platform's.
        owner = message.organisation if message.kind == "establishment" else None
        key = record_key(owner, "organisation", message.organisation, message.version)
        await _take_record(tx, sites, message, (message.organisation, message.version, owner, key))

    return handle


async def _take_record(
    tx: Transaction, sites: Sequence[str], message: Message, named: tuple[UUID, int, UUID | None, str]
) -> None:
    holding_id, version, owner, key = named
    body = rfc8785.dumps({"topic": message.topic, "fact": message.model_dump(mode="json")})
    values = {
        "id": holding_id,
        "version": version,
        "kind": "record",
        "establishment": owner,
        "key": key,
        "sha512": sha512_of(body),
        "size": len(body),
        "facts": {"body": body.decode()},
    }
    await _take(tx, values, sites)


async def _take(tx: Transaction, values: dict[str, Any], sites: Sequence[str]) -> None:
    if await queries.add_holding(tx.connection, values, sites):
        await enqueue_all(tx, WRITE, {work_key(values["id"], values["version"], site): {} for site in sites})
