"""What proof asks of packages and their groups. Callers own the transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Integer, LargeBinary, bindparam, func, select, text, tuple_, update
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.proof.tables import package_group
from shared.messages.storage import AipStoredV1


@dataclass(frozen=True, slots=True)
class Package:
    """A version of an AIP that every site holds."""

    aip: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Group:
    """What a package is made of: the digests of its files, ascending, one after the other, and the leaf they give.

    Both None: it was purged before anybody looked.
    """

    package: Package
    digests: bytes | None
    leaf: bytes | None


_OURS = package_group.c
_UNGATHERED = _OURS.leaf.is_(None) & _OURS.gone_at.is_(None)


async def take(connection: AsyncConnection, messages: Sequence[AipStoredV1]) -> None:
    """Note packages that are stored; of those noted already, only what a seal alone told of is made whole."""
    rows = [
        {
            "aip": message.aip_id,
            "version": message.version,
            "establishment": message.establishment,
            "transfer": message.transfer_id,
            "sha512": bytes.fromhex(message.sha512),
            "size": message.size,
            "receipts": [receipt.model_dump(mode="json") for receipt in message.receipts],
            "stored_at": message.occurred_at,
        }
        for message in messages
    ]
    await connection.execute(_TAKE, rows)


_TOLD = insert(package_group)
_TAKE = _TOLD.on_conflict_do_update(
    index_elements=["aip", "version"],
    set_={name: _TOLD.excluded[name] for name in ("transfer", "sha512", "size", "receipts", "stored_at")},
    where=package_group.c.transfer.is_(None),
)


async def ungathered(connection: AsyncConnection, packages: Sequence[Package]) -> list[Package]:
    """Return those of these packages of which we do not know yet what they are made of."""
    wanted = [(package.aip, package.version) for package in packages]
    query = select(_OURS.aip, _OURS.version).where(tuple_(_OURS.aip, _OURS.version).in_(wanted), _UNGATHERED)
    return [Package(row.aip, row.version) for row in await connection.execute(query.order_by(_OURS.stored_at))]


_NEW = (
    func.unnest(
        bindparam("aips", type_=ARRAY(UUID_TYPE)),
        bindparam("versions", type_=ARRAY(Integer)),
        bindparam("all_digests", type_=ARRAY(LargeBinary)),
        bindparam("leaves", type_=ARRAY(LargeBinary)),
    )
    .table_valued("aip", "version", "digests", "leaf")
    .render_derived(name="new")
)
_KEEP = (
    update(package_group)
    .where(_OURS.aip == _NEW.c.aip, _OURS.version == _NEW.c.version, _UNGATHERED)
    .values(
        digests=_NEW.c.digests,
        leaf=_NEW.c.leaf,
        gone_at=text("CASE WHEN new.leaf IS NULL THEN now() END"),
    )
)


async def keep(connection: AsyncConnection, groups: Sequence[Group]) -> None:
    """Note what packages are made of, in one statement; what is known already stays."""
    values = {
        "aips": [group.package.aip for group in groups],
        "versions": [group.package.version for group in groups],
        "all_digests": [group.digests for group in groups],
        "leaves": [group.leaf for group in groups],
    }
    await connection.execute(_KEEP, values)


async def oldest_ungathered(connection: AsyncConnection) -> datetime | None:
    """Return when the oldest package was stored of which we do not know yet what it is made of."""
    found: datetime | None = await connection.scalar(select(func.min(_OURS.stored_at)).where(_UNGATHERED))
    return found
