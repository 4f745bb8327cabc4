"""Every question about uploads to the database, and every line written there. Callers own the transaction.

Moments and leases are the database's clock's: processes of a room may differ by more than a request lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Row,
    Text,
    and_,
    any_,
    bindparam,
    case,
    delete,
    exists,
    extract,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import Interval

from services.ingest.domain.upload import UploadState, origins
from services.ingest.tables import upload, upload_piece

LEASE = timedelta(seconds=10)
"""How long a request that appends is waited for once its process has died; while it lives it renews that.

Short: whoever was cut off wants to go on, and who renews too late loses nothing unless another went on meanwhile.
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload as the database holds it; one that nobody touches any more is expired, whoever has noted it yet."""

    id: UUID
    establishment: UUID
    agreement: UUID
    depositor: str
    state: UploadState
    metadata: str
    filename: str | None
    dry_run: bool
    sha512: str | None
    length: int
    received: int
    pieces: int
    epoch: int
    expires_at: datetime
    transfer: UUID | None
    problem: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class UploadPiece:
    """Some bytes of an upload in staging: from which offset on, and how many."""

    upload: UUID
    first: int
    size: int
    id: UUID

    @property
    def key(self) -> str:
        """Return where they lie."""
        return piece_key(self.id)


FOLDER = "pieces"


def piece_key(piece_id: UUID) -> str:
    """Return where a piece lies in staging."""
    return f"{FOLDER}/{piece_id}"


_NOW = func.clock_timestamp()
# The words of the partial indexes: only what is said alike can be answered from them.
_RECEIVING = literal_column("upload.state = 'receiving'", Boolean)
_FREE = or_(upload.c.leased_until.is_(None), upload.c.leased_until < _NOW)
_OVERDUE = and_(_RECEIVING, upload.c.expires_at <= _NOW, _FREE)
_STATE = case((_OVERDUE, literal(UploadState.EXPIRED.value)), else_=upload.c.state).label("state")
_SHOWN = [_STATE if name == "state" else upload.c[name] for name in Upload.__dataclass_fields__]

_IT = upload.c.id == bindparam("wanted")
_OURS = and_(_IT, upload.c.epoch == bindparam("held_epoch"), _RECEIVING)
_FIND = select(*_SHOWN).where(_IT)
_LEASE = (
    update(upload)
    .where(_IT, _RECEIVING, _FREE, upload.c.expires_at > _NOW, upload.c.received == bindparam("first"))
    .values(epoch=upload.c.epoch + 1, leased_until=_NOW + literal(LEASE, Interval))
    .returning(*_SHOWN)
)
_RENEW = update(upload).where(_OURS).values(leased_until=_NOW + literal(LEASE, Interval)).returning(upload.c.id)
_RELEASE = update(upload).where(_OURS).values(leased_until=None)
_WHOLE = upload.c.received + bindparam("size") == upload.c.length
_ADVANCE = (
    update(upload)
    .where(_OURS, upload.c.received == bindparam("first"))
    .values(
        received=upload.c.received + bindparam("size"),
        pieces=upload.c.pieces + 1,
        changed_at=_NOW,
        expires_at=_NOW + bindparam("rest", type_=Interval),
        state=case((_WHOLE, literal(UploadState.ASSEMBLING.value)), else_=upload.c.state),
        transfer=case((_WHOLE, bindparam("transfer_id", type_=UUID_TYPE)), else_=None),
        leased_until=case((_WHOLE, None), else_=_NOW + literal(LEASE, Interval)),
    )
    .returning(*_SHOWN)
)
_END = (
    update(upload)
    .where(_IT, upload.c.state == any_(bindparam("from_states", type_=ARRAY(Text))))
    # Whoever appends at this moment finds that its lease is another's.
    .values(state=bindparam("following"), epoch=upload.c.epoch + 1, leased_until=None, changed_at=_NOW)
    .returning(*_SHOWN)
)
_PIECES = select(upload_piece).where(upload_piece.c.upload == bindparam("wanted")).order_by(upload_piece.c.first)


def _upload(row: Row[Any] | None) -> Upload | None:
    if row is None:
        return None
    values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's documented name)
    return Upload(**values | {"state": UploadState(values["state"])})


async def add(connection: AsyncConnection, values: Mapping[str, Any], rest: timedelta) -> Upload:
    """Begin an upload that expires when nothing has come of it for as long as `rest`."""
    rows = await connection.execute(
        insert(upload).values(**values, expires_at=_NOW + literal(rest, Interval)).returning(*_SHOWN)
    )
    added = _upload(rows.one())
    if added is None:
        raise AssertionError("an insertion that was made returns its row")
    return added


async def count_open(connection: AsyncConnection, depositor: str, most: int) -> int:
    """Return how many uploads of a client still receive, counting no further than `most`."""
    few = select(1).where(upload.c.depositor == depositor, _RECEIVING).limit(most).subquery()
    return await connection.scalar(select(func.count()).select_from(few)) or 0


async def find(connection: AsyncConnection, upload_id: UUID) -> Upload | None:
    """Return an upload as it is."""
    return _upload((await connection.execute(_FIND, {"wanted": upload_id})).one_or_none())


async def lease(connection: AsyncConnection, upload_id: UUID, first: int) -> Upload | None:
    """Have an upload for ourselves, to append from an offset on; None where that is not to be had."""
    return _upload((await connection.execute(_LEASE, {"wanted": upload_id, "first": first})).one_or_none())


async def renew(connection: AsyncConnection, held: Upload) -> bool:
    """Keep a lease for longer; False where it is no longer ours."""
    return (await connection.execute(_RENEW, _named(held))).one_or_none() is not None


async def release(connection: AsyncConnection, held: Upload) -> None:
    """Let go of a lease if it is still ours."""
    await connection.execute(_RELEASE, _named(held))


async def advance(
    connection: AsyncConnection, held: Upload, piece: UploadPiece, rest: timedelta, transfer_id: UUID
) -> Upload | None:
    """Move an upload on by a piece; None where the lease is no longer ours, and nothing was moved.

    The last piece takes it to `assembling`, and to the transfer that it is to be.
    """
    values = {
        **_named(held),
        "first": piece.first,
        "size": piece.size,
        "rest": rest,
        "transfer_id": transfer_id,
    }
    moved = _upload((await connection.execute(_ADVANCE, values)).one_or_none())
    if moved is not None:
        row = {"upload": piece.upload, "first": piece.first, "size": piece.size, "id": piece.id}
        await connection.execute(insert(upload_piece), [row])
    return moved


async def end(connection: AsyncConnection, upload_id: UUID, following: UploadState) -> Upload | None:
    """Take an upload to a state after which nothing more comes; None where its life does not lead there now."""
    values = {"wanted": upload_id, "from_states": [str(one) for one in origins(following)], "following": following}
    return _upload((await connection.execute(_END, values)).one_or_none())


async def note_outcome(
    connection: AsyncConnection, upload_id: UUID, transfer: UUID | None, problem: Mapping[str, Any] | None
) -> None:
    """Note what became of an upload: its transfer, or why there is none."""
    outcome = {"transfer": transfer, "problem": None if problem is None else dict(problem)}
    await connection.execute(update(upload).where(upload.c.id == upload_id).values(**outcome))


async def pieces(connection: AsyncConnection, upload_id: UUID, most: int | None = None) -> list[UploadPiece]:
    """Return the pieces of an upload in their order."""
    rows = await connection.execute(_PIECES.limit(most), {"wanted": upload_id})
    return [UploadPiece(**row._mapping) for row in rows]  # noqa: SLF001 (SQLAlchemy's documented name)


async def forget_pieces(connection: AsyncConnection, gone: Sequence[UploadPiece]) -> None:
    """Forget pieces whose bytes are gone."""
    await connection.execute(delete(upload_piece).where(upload_piece.c.id.in_([piece.id for piece in gone])))


async def known_pieces(connection: AsyncConnection, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these are pieces of an upload."""
    wanted = upload_piece.c.id == any_(bindparam("wanted", type_=ARRAY(UUID_TYPE)))
    return set((await connection.scalars(select(upload_piece.c.id).where(wanted), {"wanted": list(ids)})).all())


_LATE = (
    select(upload.c.id)
    .where(_OVERDUE)
    .order_by(upload.c.expires_at)
    .limit(bindparam("most"))
    # Another process that does the same at this moment has the others; a request that begins now goes before.
    .with_for_update(skip_locked=True)
    .cte("late")
)
_EXPIRE = (
    update(upload)
    .where(upload.c.id == _LATE.c.id)
    .values(state=UploadState.EXPIRED.value, epoch=upload.c.epoch + 1, leased_until=None, changed_at=_NOW)
    .returning(*_SHOWN)
)


async def expire(connection: AsyncConnection, most: int) -> list[Upload]:
    """End uploads that nobody has touched for too long, and return them."""
    rows = await connection.execute(_EXPIRE, {"most": most})
    return [one for row in rows if (one := _upload(row)) is not None]


_IS_OVER = literal_column("upload.state NOT IN ('receiving', 'assembling')", Boolean)
_OLD = (
    select(upload.c.id)
    .where(
        _IS_OVER,
        upload.c.changed_at < func.now() - bindparam("kept", type_=Interval),
        ~exists().where(upload_piece.c.upload == upload.c.id),
    )
    .order_by(upload.c.changed_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("old")
)
_FORGET = delete(upload).where(upload.c.id == _OLD.c.id)


async def forget_old(connection: AsyncConnection, kept: timedelta, most: int) -> int:
    """Remove uploads that were over longer ago than that, and have no bytes left; return how many."""
    return (await connection.execute(_FORGET, {"kept": kept, "most": most})).rowcount


_IN_HAND = upload.c.state.in_([UploadState.RECEIVING, UploadState.ASSEMBLING])
_PIECE_BYTES = select(
    func.coalesce(func.sum(upload_piece.c.size), 0),
    func.coalesce(func.sum(upload_piece.c.size).filter(_IN_HAND), 0),
).join_from(upload_piece, upload, upload.c.id == upload_piece.c.upload)
_UNDER_WAY = (
    select(upload.c.state, func.count(), extract("epoch", func.now() - func.min(upload.c.created_at)))
    .where(_IN_HAND)
    .group_by(upload.c.state)
)


async def piece_bytes(connection: AsyncConnection) -> tuple[int, int]:
    """Return the bytes that lie in pieces, and those among them that are still to become a transfer."""
    lying, coming = (await connection.execute(_PIECE_BYTES)).one()
    return int(lying), int(coming)


async def under_way(connection: AsyncConnection) -> list[tuple[str, int, float]]:
    """Return how many uploads are in each state that is not over, and the age of the oldest, in s."""
    return [(state, count, float(age)) for state, count, age in await connection.execute(_UNDER_WAY)]


def _named(held: Upload) -> dict[str, Any]:
    return {"wanted": held.id, "held_epoch": held.epoch}
