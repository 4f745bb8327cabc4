"""What only the moment of the verdict tells: whether a message came before, its agreement is open, and has room.

The checks before looked at the package alone, perhaps for hours, perhaps many packages at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import intake, queries
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, is_refused
from services.ingest.queries import MessageName, Transfer
from services.ingest.tasks import Checked
from shared.messages.admin import AgreementV1
from shared.messaging.lease import Lease


@dataclass(frozen=True, slots=True)
class Judged:
    """A transfer that was checked, and by which agreement."""

    held: Lease
    transfer: Transfer
    agreement: AgreementV1
    checked: Checked

    @property
    def size(self) -> int:
        """Return the bytes of its files, 0 where they were not measured."""
        return self.checked.counts.get("bytes", 0)


Found = tuple[Finding, ...]


async def admit(connection: AsyncConnection, judged: Sequence[Judged]) -> list[Found]:
    """Return all that is found of each transfer, its checks' findings first; those without an error are counted.

    Their transfers are locked, and what is counted of their agreements stays so until the transaction ends.
    """
    current = await _as_they_stand(connection, judged)
    names = {name for one in judged if (name := _name(one)) is not None}
    earlier = await queries.transfers_of_messages(connection, names)
    findings = [
        (*one.checked.findings, *_same_message(one, earlier), *_closed(one.transfer, current[one.agreement.id]))
        for one in judged
    ]
    beyond = await _beyond_quota(connection, judged, findings, current)
    return [(*told, *beyond.get(one.transfer.id, ())) for one, told in zip(judged, findings, strict=True)]


async def _as_they_stand(connection: AsyncConnection, judged: Sequence[Judged]) -> dict[UUID, AgreementV1]:
    """Return the agreements as last published: it may have been during the checks."""
    known = {one.agreement.id: one.agreement for one in judged}
    latest = await queries.find_agreements(connection, [str(one) for one in known])
    return known | {one.id: one for one in latest if one is not None}


def _name(judged: Judged) -> MessageName | None:
    header = judged.checked.header
    # As the unique index has it: an agency whose identifier is empty is one that is named so.
    if header is None or not header.message_identifier or header.transferring_agency is None:
        return None
    return judged.transfer.establishment, header.transferring_agency, header.message_identifier


def _same_message(judged: Judged, earlier: Mapping[MessageName, UUID]) -> Iterator[Finding]:
    """Find an earlier transfer with the same message identifier of the same transferring agency."""
    name = _name(judged)
    other = None if name is None else earlier.get(name)
    if name is not None and other is not None and other != judged.transfer.id:
        yield found("DUPLICATE_MESSAGE", "manifest.xml", message_identifier=name[2], transfer=str(other))


def _closed(transfer: Transfer, agreement: AgreementV1) -> Iterator[Finding]:
    """Find an agreement that takes nothing any more, or took nothing on the day of receipt.

    The door has asked the same; what was published since, or had not reached us yet, is found here. A suspension
    concerns all that is not judged yet; dates, only what came outside of them, however long its checks took.
    """
    if agreement.state != "active":
        yield found("HEADER_AGREEMENT_SUSPENDED", "container", agreement=agreement.identifier)
    received, first, last = transfer.received_at.date(), agreement.valid_from, agreement.valid_to
    if (first and received < first) or (last and received > last):
        yield found(
            "HEADER_AGREEMENT_DATES",
            "container",
            agreement=agreement.identifier,
            received=str(received),
            first=str(first or "…"),
            last=str(last or "…"),
        )


async def _beyond_quota(
    connection: AsyncConnection,
    judged: Sequence[Judged],
    findings: Sequence[Found],
    current: Mapping[UUID, AgreementV1],
) -> dict[UUID, Found]:
    """Count what passes, in its order, and find of each transfer whether its agreement has no room for it.

    A dry run is told what would become of it, and takes nothing.
    """
    passing = [
        one
        for one, told in zip(judged, findings, strict=True)
        if one.checked.inventory is not None and not is_refused(told)
    ]
    asked = dict.fromkeys((one.agreement.id for one in passing), 0)
    for one in passing:
        asked[one.agreement.id] += _taken(one)
    # All of it is counted first, and what does not fit is given back: as a rule everything fits.
    counted = await intake.count(connection, asked)
    used = {agreement: total - asked[agreement] for agreement, total in counted.items()}
    beyond: dict[UUID, Found] = {}
    back: dict[UUID, int] = {}
    for one in passing:
        agreement = current[one.agreement.id]
        if agreement.quota_bytes is not None and used[agreement.id] + one.size > agreement.quota_bytes:
            beyond[one.transfer.id] = (_quota(agreement, agreement.quota_bytes, used[agreement.id], one.size),)
            back[agreement.id] = back.get(agreement.id, 0) - _taken(one)
        else:
            used[agreement.id] += _taken(one)
    await intake.count(connection, back)
    return beyond


def _taken(judged: Judged) -> int:
    return 0 if judged.transfer.dry_run else judged.size


def _quota(agreement: AgreementV1, quota: int, used: int, asked: int) -> Finding:
    return found(
        "HEADER_QUOTA",
        "container",
        agreement=agreement.identifier,
        used=str(used),
        asked=str(asked),
        quota=str(quota),
        left=str(max(0, quota - used)),
    )
