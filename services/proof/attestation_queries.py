"""What proof asks of attestations: those that were asked for or issued, and what they are made from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.domain.attestations import Kind, Refused
from services.proof.tables import attestation, elimination, journal, line, package_group
from shared.checksums import sha512_of
from shared.clock import rfc3339
from shared.identity.caller import Scope
from shared.messages.storage import AipPurgedV1

_OURS = attestation.c


@dataclass(frozen=True, slots=True)
class Attestation:
    """An attestation that somebody asked for: issued, refused, or neither yet. `subject` is what there is one of."""

    id: UUID
    kind: Kind
    subject: str
    aip: UUID
    version: int
    establishment: UUID
    asked_by: str
    refused: Mapping[str, Any] | None = None
    pdf: bytes | None = None
    issued_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Say whether nothing more is done for it."""
        return self.pdf is not None or self.refused is not None


def _attestation(row: Row[Any]) -> Attestation:
    named = (row.id, Kind(row.kind), row.subject, row.aip, row.version, row.establishment, row.asked_by)
    return Attestation(*named, row.refused, row.pdf, row.issued_at)


async def ask(connection: AsyncConnection, wanted: Attestation) -> Attestation:
    """Note that an attestation is asked for; return the one there is of its subject. Refused, it begins anew."""
    row = {
        "id": wanted.id,
        "kind": wanted.kind.value,
        "subject": wanted.subject,
        "aip": wanted.aip,
        "version": wanted.version,
        "establishment": wanted.establishment,
        "asked_by": wanted.asked_by,
    }
    again = {"refused": None, "asked_at": func.now(), "asked_by": wanted.asked_by}
    query = (
        insert(attestation)
        .values(row)
        .on_conflict_do_update(index_elements=["kind", "subject"], set_=again, where=_OURS.refused.is_not(None))
    )
    await connection.execute(query)
    same = select(attestation).where(_OURS.kind == wanted.kind.value, _OURS.subject == wanted.subject)
    return _attestation((await connection.execute(same)).one())


async def pending(connection: AsyncConnection, kind: Kind, aip: UUID, version: int) -> Attestation | None:
    """Return one of this kind and package that is being made."""
    query = select(attestation).where(
        *(_OURS.kind == kind.value, _OURS.aip == aip, _OURS.version == version),
        *(_OURS.issued_at.is_(None), _OURS.refused.is_(None)),
    )
    row = (await connection.execute(query.limit(1))).one_or_none()
    return None if row is None else _attestation(row)


async def find(connection: AsyncConnection, number: UUID) -> Attestation | None:
    """Return an attestation by its id."""
    row = (await connection.execute(select(attestation).where(_OURS.id == number))).one_or_none()
    return None if row is None else _attestation(row)


async def find_of(connection: AsyncConnection, scope: Scope, aip: UUID, number: UUID) -> Attestation | None:
    """Return an attestation about an AIP by its id, if it lies within the scope."""
    query = _within(select(attestation).where(_OURS.id == number, _OURS.aip == aip), scope, _OURS.establishment)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _attestation(row)


async def issue(
    connection: AsyncConnection, number: UUID, facts: Mapping[str, Any], pdf: bytes, at: datetime
) -> bool:
    """Keep an attestation; False where it was issued before."""
    values = {"facts": dict(facts), "pdf": pdf, "sha512": bytes.fromhex(sha512_of(pdf)), "issued_at": at}
    made = update(attestation).where(_OURS.id == number, _OURS.issued_at.is_(None))
    return (await connection.execute(made.values(refused=None, **values))).rowcount > 0


async def refuse(connection: AsyncConnection, number: UUID, refused: Refused) -> None:
    """Note why an attestation is not issued."""
    query = update(attestation).where(_OURS.id == number, _OURS.issued_at.is_(None))
    await connection.execute(query.values(refused=refused.told()))


async def note_purges(connection: AsyncConnection, messages: Sequence[AipPurgedV1]) -> None:
    """Note orders that were carried out; one that is noted already changes nothing."""
    rows = [
        {
            "order_id": message.order_id,
            "aip": message.aip_id,
            "establishment": message.establishment,
            "purged_at": message.purged_at,
            "facts": {
                "order": str(message.order_id),
                "transfer": str(message.transfer_id),
                "version": message.version,
                "units": [str(one) for one in message.units],
                "copies": message.copies,
                "size": message.size,
                "list_sha512": message.list_sha512,
                "visa_sha512": message.visa_sha512,
                "purged_at": rfc3339(message.purged_at),
            },
        }
        for message in messages
    ]
    await connection.execute(insert(elimination).values(rows).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class Purged:
    """An order that was carried out, and what storage told of it."""

    order: UUID
    aip: UUID
    establishment: UUID
    purged_at: datetime
    facts: Mapping[str, Any]


async def purged(connection: AsyncConnection, scope: Scope, aip: UUID, order: UUID | None) -> Purged | None:
    """Return an order on an AIP that was carried out (None: the newest), if it lies within the scope."""
    query = _within(select(elimination).where(elimination.c.aip == aip), scope, elimination.c.establishment)
    if order is not None:
        query = query.where(elimination.c.order_id == order)
    row = (await connection.execute(query.order_by(elimination.c.purged_at.desc()).limit(1))).one_or_none()
    return None if row is None else Purged(*row)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a package: its leaf and the digests of its files (None: never read), and its seal."""

    aip: UUID
    version: int
    establishment: UUID
    leaf: bytes | None
    digests: bytes | None
    seal: int | None


async def versions(connection: AsyncConnection, scope: Scope, aip: UUID) -> list[Version]:
    """Return every version of a package that proof has noted, the newest first, those that are gone among them."""
    ours = package_group.c
    columns = (ours.aip, ours.version, ours.establishment, ours.leaf, ours.digests, ours.seal)
    query = _within(select(*columns).where(ours.aip == aip), scope, ours.establishment)
    return [Version(*row) for row in await connection.execute(query.order_by(ours.version.desc()))]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a journal."""

    journal: str
    number: int
    sha512: str
    fields: Mapping[str, Any]


async def line_of(connection: AsyncConnection, name: str, number: int) -> Line | None:
    """Return one line of a journal."""
    query = (
        select(line.c.sha512, line.c.body)
        .join(journal, journal.c.id == line.c.journal)
        .where(journal.c.name == name, line.c.number == number)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Line(name, number, row.sha512.hex(), json.loads(row.body))


def _within(query: Select[Any], scope: Scope, establishment: Any) -> Select[Any]:  # noqa: ANN401 (a column)
    return query if scope.establishments is None else query.where(establishment.in_(scope.establishments))
