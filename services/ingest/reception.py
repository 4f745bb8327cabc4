"""Receive a SIP: its bytes stream once to staging, measured as they pass; then one row and one message."""

import asyncio
import base64
import binascii
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from services.ingest import queries
from services.ingest.arrivals import Arrival
from services.ingest.berths import STAGING_FULL, no_room
from services.ingest.parts import Ingest
from services.ingest.queries import Transfer
from services.ingest.refusals import refusals_noted
from shared.identifiers import new_id
from shared.messages.admin import AgreementV1
from shared.object_store.errors import StoreError, StoreFull, WrongBytes
from shared.object_store.port import ObjectStore, Written
from shared.problems import Problem
from shared.steps import timed

log = logging.getLogger(__name__)

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A name without control characters."""

_DIGEST = re.compile(r":([A-Za-z0-9+/=]*):\s*(?:;.*)?")
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed in: a stream of bytes, its announced size and digests (hashlib's name → hex).

    Of a form, `form_size` is announced, and the size of the SIP within it is not. A `dry_run` is only to be judged,
    as all that comes under a sandbox is.
    """

    chunks: AsyncIterator[bytes]
    size: int | None
    digests: dict[str, str]
    filename: str | None
    form_size: int | None = None
    dry_run: bool = False

    @property
    def expected(self) -> int | None:
        """Return how many bytes come at most; None where nothing was announced."""
        return self.form_size if self.size is None else self.size


def announced_digests(content_digest: Sequence[str]) -> dict[str, str]:
    """Read every line of ``Content-Digest`` (RFC 9530); algorithms we do not know are ignored, as it asks."""
    digests = {}
    for item in ",".join(content_digest).split(","):
        name, _, value = (part.strip() for part in item.partition("="))
        if (algorithm := _ALGORITHMS.get(name.lower())) is None:
            continue
        # One that cannot be read is refused: its sender counts on our comparing it.
        match = _DIGEST.fullmatch(value)
        try:
            digests[algorithm] = base64.b64decode(match[1] if match else "?", validate=True).hex()
        except binascii.Error as error:
            raise Problem(
                400, "digest_malformed", "Content-Digest illisible.", "Content-Digest cannot be read."
            ) from error
    return digests


async def matching(chunks: AsyncIterator[bytes], digests: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Pass a stream on, hashing it; after its last byte a 400 `Problem` if it has another digest than announced."""
    running = {name: hashlib.new(name) for name in digests}
    async for chunk in chunks:
        for digest in running.values():
            digest.update(chunk)
        yield chunk
    if any(digest.hexdigest() != digests[name].lower() for name, digest in running.items()):
        raise _mismatch()


async def receive(ingest: Ingest, agreement: AgreementV1, depositor: str, parcel: Parcel) -> tuple[Transfer, bool]:
    """Take a parcel in; return its transfer and whether it is a new one.

    The same bytes of the same establishment, pending or accepted, are the same transfer.
    Raises `Problem` when there is no room for it, or its bytes are not those announced; nothing of them is kept
    then, and it is journaled.
    """
    berth_for = ingest.berths.berth(depositor, parcel.expected)
    async with refusals_noted(ingest.database, depositor, agreement), berth_for as berth:
        bounded = replace(parcel, chunks=berth.within(parcel.chunks))
        return await take_in(ingest, agreement, depositor, bounded, new_id())


async def take_in(
    ingest: Ingest, agreement: AgreementV1, depositor: str, parcel: Parcel, transfer_id: UUID
) -> tuple[Transfer, bool]:
    """Do what `receive` does, under an identifier chosen before and for whoever has seen to room and journal.

    Done again after a crash, it finds what it had written.
    """
    key = f"sips/{transfer_id}"
    with timed("ingest", "receive"):
        written = await _stage(ingest.staging, key, parcel)
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
        "dry_run": parcel.dry_run or agreement.sandbox,
    }
    # To its end even if the depositor hangs up meanwhile: what has come in whole is entered, or goes.
    entering = asyncio.create_task(_enter(ingest, Arrival(values, written)))
    new = await asyncio.shield(entering)
    if new is not None:
        log.info("transfer received", extra={"transfer": str(new.id), "establishment": str(new.establishment)})
        return new, True
    async with ingest.database.reading() as connection:
        earlier = await queries.transfer_of_bytes(connection, agreement.establishment, written.measure.sha512)
    if earlier is None:
        raise Problem(
            409,
            "try_again",
            "Le même contenu vient d'être refusé ; déposez-le à nouveau.",
            "The same bytes were just refused; deposit them again.",
        )
    return earlier, False


async def _enter(ingest: Ingest, arrival: Arrival) -> Transfer | None:
    """Enter a transfer with those that arrive at the same moment; what is not entered leaves staging."""
    key = arrival.values["staging_key"]
    try:
        new = await ingest.arrivals.add(arrival)
    except BaseException:
        # Once the commit is on its way it may have taken place although we were told otherwise: then a row
        # counts on these bytes.
        if not arrival.leaving:
            await _forget(ingest.staging, key)
        raise
    if new is not None:
        return new
    # Its bytes may be its own, entered by a round whose answer was lost: those stay.
    own = await ingest.transfers.add(arrival.values["id"])
    if own is None:
        await _forget(ingest.staging, key)
    return own


async def _forget(staging: ObjectStore, key: str) -> None:
    with suppress(StoreError):
        await staging.delete(key)


async def _stage(staging: ObjectStore, key: str, parcel: Parcel) -> Written:
    also = tuple(name for name in parcel.digests if name != "sha512")
    try:
        async with staging.writer(key, size=parcel.size, also=also) as writer:
            async for chunk in parcel.chunks:
                await writer.write(chunk)
            if writer.size == 0:
                raise Problem(400, "empty_body", "Le corps de la requête est vide.", "The request has no body.")
            return await writer.commit(size=parcel.size, digests=parcel.digests)
    except WrongBytes as error:
        raise _mismatch() from error
    except StoreFull as error:
        # Our reckoning was wrong, or somebody else has filled it.
        raise no_room(STAGING_FULL) from error


def _mismatch() -> Problem:
    return Problem(
        400,
        "digest_mismatch",
        "Le contenu reçu n'a pas l'empreinte ou la taille annoncées ; rien n'a été conservé.",
        "The bytes received do not have the announced digest or size; nothing was kept.",
    )


def too_large(limit: int) -> Problem:
    """Return the answer for a deposit of more bytes than its agreement, or the room, takes."""
    return Problem(
        413,
        "too_large",
        f"Le versement dépasse la limite de {limit} octets.",
        f"The deposit exceeds the limit of {limit} bytes.",
        extra={"limit": limit},
    )
