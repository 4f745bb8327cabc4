"""Replies are written anew where some of what they tell was eliminated: what is left of them stays to be had."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.records import findings_of_json, header_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.pipeline.reply import Letter, can_answer, compose_reply
from services.ingest.pipeline.reply_reduced import UnreadableReply, reduce_package, reduction
from services.ingest.queries import Transfer
from services.ingest.replies import in_french
from services.ingest.workplaces import scratch_folder
from shared.clock import rfc3339
from shared.messages.storage import PurgeBegunV1, PurgeNews
from shared.messaging.outcome import TryAgain
from shared.object_store.errors import KeyTaken, NoSuchObject, StoreUnavailable, WrongBytes
from shared.object_store.port import ObjectStore

log = logging.getLogger(__name__)

CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Remains:
    """What an order left of an AIP; of objects nothing is known to be left unless it is told which went."""

    aip: UUID
    units: frozenset[UUID]
    objects: frozenset[UUID] | None

    @classmethod
    def after(cls, message: PurgeNews) -> "Remains":
        """Read them from the news of a purge."""
        objects = message.objects if isinstance(message, PurgeBegunV1) else None
        return cls(message.aip_id, frozenset(message.units), None if objects is None else frozenset(objects))

    def has(self, kind: str, xml_id: str) -> bool:
        """Say whether a unit, or an object, is certainly left (`services.ingest.domain.plan.BuildPlan`)."""
        gone = self.units if kind == "unit" else self.objects
        return gone is not None and uuid5(self.aip, f"{kind}:{xml_id}") not in gone


async def write_reduced(
    staging: ObjectStore, transfer: Transfer, codes: ReplyCodes, message: PurgeNews
) -> str | None:
    """Write what is left of a reply and return its key; `transfer` has the findings that are left.

    The reply that was given stays, for whoever commits to remove. None where there is none, or not whole. Written
    twice by one order, it has the same bytes. Raises `TryAgain` while staging is away, or the scratch disk full or
    broken.
    """
    header = None if transfer.header is None else header_of_json(transfer.header)
    if transfer.reply_key is None or header is None or not can_answer(header):
        return None
    date = rfc3339(message.purged_at)
    key = reduced_key(transfer.id, message.order_id)
    try:
        async with scratch_folder(staging) as folder:
            before, package = folder / "before.xml", folder / "package.xml"
            await staging.fetch_to(transfer.reply_key, before)
            said = await asyncio.to_thread(_reduce, before, Remains.after(message), package)
            told = reduction(str(message.order_id), date)
            notes = (*(one for one in said if one != told), told)
            letter = Letter(header, f"{transfer.id}-atr-{message.order_id}", date, codes, notes=notes)
            await _put(staging, key, _Reply(letter, transfer, package))
    except (NoSuchObject, WrongBytes, UnreadableReply) as error:
        # What it told of must go all the same.
        log.warning("a reply cannot be reduced, and goes", extra={"transfer": str(transfer.id), "error": str(error)})
        return None
    except StoreUnavailable as error:
        raise TryAgain(f"staging: {error}") from error
    except OSError as error:
        raise TryAgain(f"scratch: {error.strerror or error}") from error
    return key


def reduced_key(transfer_id: UUID, order: UUID) -> str:
    """Return where staging holds what an order left of a reply."""
    return f"replies/{transfer_id}-{order}.xml"


def _reduce(reply: Path, left: Remains, package: Path) -> list[str]:
    with reply.open("rb") as source, package.open("wb") as out:
        return reduce_package(source, left.has, out)


@dataclass(frozen=True, slots=True)
class _Reply:
    """A reply to be written: its envelope, and the file of its package."""

    letter: Letter
    transfer: Transfer
    package: Path

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes."""
        accepted = self.transfer.state is TransferState.ACCEPTED
        granted_at = self.transfer.granted_at if accepted else None
        findings = findings_of_json(self.transfer.findings)
        grant_date = None if granted_at is None else rfc3339(granted_at)
        before, _, after = compose_reply(self.letter, findings, in_french, grant_date, (b"",))
        yield before
        if accepted:
            with self.package.open("rb") as source:
                while chunk := await asyncio.to_thread(source.read, CHUNK):
                    yield chunk
        yield after


async def _put(staging: ObjectStore, key: str, reply: _Reply) -> None:
    try:
        await staging.put(key, reply.chunks())
    except KeyTaken:
        # Left by a release that wrote other words, in a transaction that never committed: nobody was given it.
        await staging.delete(key)
        await staging.put(key, reply.chunks())
