"""The ArchiveTransferReply: put together around its package, and kept in staging."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.finding_texts import text
from services.ingest.domain.findings import Finding
from services.ingest.domain.mend_texts import mend
from services.ingest.domain.records import findings_of_json, header_of_json
from services.ingest.pipeline.reply import Letter, can_answer, compose_reply
from services.ingest.queries import Transfer
from shared.clock import rfc3339
from shared.messages.admin import AgreementV1
from shared.object_store.errors import KeyTaken
from shared.object_store.port import ObjectStore
from shared.steps import timed


async def write_reply(
    staging: ObjectStore, transfer: Transfer, codes: ReplyCodes, granted_at: datetime | None
) -> str | None:
    """Write the reply to an accepted (since `granted_at`) or refused transfer, and return its key.

    `codes` is the vocabulary its agreement asks for. None when no header was read: nobody to answer to.
    """
    header = None if transfer.header is None else header_of_json(transfer.header)
    if header is None or not can_answer(header):
        return None
    findings = findings_of_json(transfer.findings)
    written_at = granted_at or transfer.received_at
    letter = Letter(header, f"{transfer.id}-atr", rfc3339(written_at), codes)
    grant_date = None if granted_at is None else rfc3339(granted_at)
    before, _, after = compose_reply(letter, findings, in_french, grant_date, (b"",))
    key = whole_key(transfer.id)
    accepted = granted_at is not None
    with timed("ingest", "reply"):
        try:
            await staging.put(key, _enclosed(staging, transfer, before, after, accepted=accepted))
        except KeyTaken:
            # Left by a transaction that never committed, before the verdict changed: nobody was given it.
            await staging.delete(key)
            await staging.put(key, _enclosed(staging, transfer, before, after, accepted=accepted))
    return key


def reply_to_trial(transfer: Transfer, codes: ReplyCodes) -> bytes | None:
    """Return the reply to a dry run that was judged: what would be answered, without a grant date or a package.

    It says itself that it is one. None when no header was read.
    """
    header = None if transfer.header is None else header_of_json(transfer.header)
    if header is None or not can_answer(header):
        return None
    letter = Letter(header, f"{transfer.id}-atr", rfc3339(transfer.changed_at), codes, trial=True)
    return b"".join(compose_reply(letter, findings_of_json(transfer.findings), in_french))


def vocabulary_of(agreement: AgreementV1 | None) -> ReplyCodes:
    """Return by which vocabulary an agreement wants its transfers answered."""
    return ReplyCodes.VITAM if agreement is None else ReplyCodes(agreement.reply_codes)


async def _enclosed(
    staging: ObjectStore, transfer: Transfer, before: bytes, after: bytes, *, accepted: bool
) -> AsyncIterator[bytes]:
    yield before
    if accepted:
        package = await staging.open_range(package_key(transfer.id))
        async for chunk in package:
            yield chunk
    yield after


def whole_key(transfer_id: UUID) -> str:
    """Return where staging holds a reply as it was given."""
    return f"replies/{transfer_id}.xml"


def package_key(transfer_id: UUID) -> str:
    """Return where the package part of a reply lies between build and grant."""
    return f"replies/{transfer_id}.package"


def in_french(finding: Finding) -> str:
    """Return the sentence of a finding for a reply, with what to do about it."""
    # Many depositors see nothing but this message: it says what to do as well.
    return f"{text(finding, 'fr')} {mend(finding, 'fr')}".rstrip()
