"""Receive a SIP: its bytes stream once to staging, measured as they pass; then one row and one message."""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from services.ingest import queries
from services.ingest.queries import Transfer
from shared.identifiers import new_id
from shared.messages.admin import AgreementV1
from shared.messages.ingest import SipReceivedV1
from shared.messages.journal import JournalLineV1
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import WrongBytes
from shared.object_store.port import ObjectStore, Written
from shared.problems import Problem

_DIGEST_ITEM = re.compile(r"\s*(sha-256|sha-512)\s*=\s*:([A-Za-z0-9+/=]*):\s*")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed in: a stream of bytes, its announced size and digests (hashlib's name → hex)."""

    chunks: AsyncIterator[bytes]
    size: int | None
    digests: dict[str, str]
    filename: str | None


def announced_digests(content_digest: str | None) -> dict[str, str]:
    """Read a ``Content-Digest`` header (RFC 9530); algorithms we do not know are ignored, as it asks."""
    digests = {}
    for item in (content_digest or "").split(","):
        match = _DIGEST_ITEM.fullmatch(item)
        if match is None:
            continue
        try:
            value = base64.b64decode(match[2], validate=True)
        except binascii.Error as error:
            raise Problem(
                400, "digest_malformed", "Content-Digest illisible.", "Content-Digest cannot be read."
            ) from error
        digests[match[1].replace("-", "")] = value.hex()
    return digests


async def receive(
    database: RoomDatabase, staging: ObjectStore, agreement: AgreementV1, depositor: str, parcel: Parcel
) -> tuple[Transfer, bool]:
    """Take a parcel in; return its transfer and whether it is a new one.

    The same bytes of the same establishment, pending or accepted, are the same transfer.
    Raises `Problem` when the bytes are not those announced; nothing of them is kept then.
    """
    transfer_id = new_id()
    key = f"sips/{transfer_id}"
    try:
        written = await _stage(staging, key, parcel)
    except WrongBytes as error:
        await _note_refusal(database, agreement, depositor)
        raise Problem(
            400,
            "digest_mismatch",
            "Le contenu reçu n'a pas l'empreinte ou la taille annoncées ; rien n'a été conservé.",
            "The bytes received do not have the announced digest or size; nothing was kept.",
        ) from error

    values = {
        "id": transfer_id,
        "establishment": agreement.establishment,
        "agreement": agreement.id,
        "agreement_version": agreement.version,
        "depositor": depositor,
        "filename": parcel.filename,
        "staging_key": key,
        "size": written.measure.size,
        "sha512": written.measure.sha512,
    }
    async with database.begin() as tx:
        if (new := await queries.add_transfer(tx.connection, values)) is not None:
            tx.post(_received(agreement.establishment, transfer_id, key, written))
            tx.journal(_line("transfer.received", agreement.establishment, transfer_id, depositor, written))
    if new is not None:
        return new, True
    await staging.delete(key)
    async with database.reading() as connection:
        earlier = await queries.transfer_of_bytes(connection, agreement.establishment, written.measure.sha512)
    if earlier is None:
        raise Problem(
            409,
            "try_again",
            "Le même contenu vient d'être refusé ; déposez-le à nouveau.",
            "The same bytes were just refused; deposit them again.",
        )
    return earlier, False


async def _stage(staging: ObjectStore, key: str, parcel: Parcel) -> Written:
    also = tuple(name for name in parcel.digests if name != "sha512")
    async with staging.writer(key, size=parcel.size, also=also) as writer:
        async for chunk in parcel.chunks:
            await writer.write(chunk)
        if writer.size == 0:
            raise Problem(400, "empty_body", "Le corps de la requête est vide.", "The request has no body.")
        return await writer.commit(size=parcel.size, digests=parcel.digests)


def _received(establishment: UUID, transfer_id: UUID, key: str, written: Written) -> SipReceivedV1:
    return SipReceivedV1(
        transfer_id=transfer_id,
        establishment=establishment,
        staging_key=key,
        size=written.measure.size,
        sha512=written.measure.sha512,
    )


def _line(action: str, establishment: UUID, transfer_id: UUID, depositor: str, written: Written) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=action,
        actor=depositor,
        object=f"transfer:{transfer_id}",
        establishment=establishment,
        transfer_id=transfer_id,
        details={"sha512": written.measure.sha512, "size": written.measure.size},
    )


async def _note_refusal(database: RoomDatabase, agreement: AgreementV1, depositor: str) -> None:
    async with database.begin() as tx:
        tx.journal(
            JournalLineV1(
                kind="events",
                action="transfer.refused",
                actor=depositor,
                outcome="ko",
                establishment=agreement.establishment,
                details={"reason": "digest_mismatch", "agreement": str(agreement.id)},
            )
        )
