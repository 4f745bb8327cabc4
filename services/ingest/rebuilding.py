"""What ingest knows of what the archive holds comes back: agreements, profiles, and the transfers that have ended.

From the first line of each AIP's catalogue and from the journals. Deposits under way, uploads and what lay in staging
do not: nothing of them is in the archive. Nor do the name of the file that was sent, the times of the steps, the
sentences of findings, or the reply as it was given (docs/storage.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import insert

from services.ingest import queries
from services.ingest.domain.profile import applied_to_json, reference_of
from services.ingest.domain.sip import Header
from services.ingest.domain.transfer import TransferState
from services.ingest.forgetting import forget_transfers
from services.ingest.handlers import keep_agreements
from services.ingest.profiles import keep_profiles
from services.ingest.tables import transfer
from shared.clock import rfc3339
from shared.database.rows import add_rows, adding
from shared.faults import fault_point
from shared.messages.admin import AgreementPublishedV1, AgreementV1, ProfilePublishedV1
from shared.messages.storage import AipPurgedV1
from shared.messaging.transaction import RoomDatabase, Transaction

_FINAL = (TransferState.ACCEPTED, TransferState.REJECTED, TransferState.JUDGED)

Said = Mapping[str, Mapping[str, Any]]
"""Journal lines about one transfer, by action: ``actor``, ``occurred_at``, ``recorded_at``, ``details``."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """An accepted transfer, by its AIP: `head` is the first line of the catalogue, `lines` what the journals say.

    `sip` is digest and size of the SIP, and `aip` those of the AIP. `listed` are the profiles of the version of the
    agreement under which it was made; None where no record of that version is known.
    """

    head: Mapping[str, Any]
    lines: Said
    sip: tuple[str, int]
    aip: tuple[str, int] | None
    listed: Sequence[Mapping[str, Any]] | None = None


async def take_agreement(database: RoomDatabase, message: AgreementPublishedV1) -> None:
    """Keep a version of an agreement, as when admin told of it."""
    async with database.begin() as tx:
        await keep_agreements(tx, [message])


async def take_profile(database: RoomDatabase, message: ProfilePublishedV1) -> None:
    """Keep what became of a version of a profile; its bytes are asked for when a deposit needs them."""
    async with database.begin() as tx:
        await keep_profiles(tx, [message])


async def known(database: RoomDatabase, transfer_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of these transfers that are there, and have ended."""
    async with database.reading() as connection:
        found = await queries.find_transfers(connection, transfer_ids)
    return {one.id for one in found.values() if one.state in _FINAL}


async def take_deposits(database: RoomDatabase, deposits: Sequence[Deposit]) -> list[str]:
    """Add accepted transfers that are missing; return those that cannot be, each with the reason."""
    if not deposits:
        return []
    async with database.begin() as tx:
        agreements = await _agreements(tx, deposits)
        rows = {
            each.head["transfer_id"]: _row(each, agreement)
            for each, agreement in zip(deposits, agreements, strict=True)
            if agreement is not None
        }
        refused = await _add(tx, rows)
    fault_point("rebuild.transfers.kept")
    unknown = [
        f"transfer {each.head['transfer_id']}: no agreement {each.head['agreement']} is known"
        for each, agreement in zip(deposits, agreements, strict=True)
        if agreement is None
    ]
    return unknown + [f"transfer {one}: the database has another one of its bytes, or its name" for one in refused]


async def _agreements(tx: Transaction, deposits: Sequence[Deposit]) -> list[AgreementV1 | None]:
    """Return the agreements of deposits: by the id in the journal; by identifier where an older line has none."""
    said = (each.lines.get("transfer.received", {}).get("details", {}).get("agreement") for each in deposits)
    wanted = [str(told or each.head["agreement"]) for told, each in zip(said, deposits, strict=True)]
    names = list(dict.fromkeys(wanted))
    found = dict(zip(names, await queries.find_agreements(tx.connection, names), strict=True))
    return [found[name] for name in wanted]


# One that was under way when the database was last backed up has ended since.
_ENDED = frozenset(
    {"state", "changed_at", "size", "sha512", "header", "message_identifier", "transferring_agency"}
    | {"aip_id", "counts", "built", "granted_at", "profile"}
)
_COLUMNS = (
    "id",
    "establishment",
    "agreement",
    "agreement_version",
    "depositor",
    "received_at",
    "staging_key",
    "steps",
    *sorted(_ENDED),
)
_ADD = adding(transfer, _COLUMNS, ("id",))


async def _add(tx: Transaction, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    # Any conflict: one that is there under its own id is ours; one of the same bytes or name under another is not.
    added = {str(one) for (one,) in await add_rows(tx.connection, _ADD, list(rows.values()))}
    rest = [one for one in rows if one not in added]
    there = await queries.find_transfers(tx.connection, map(UUID, rest)) if rest else {}
    for row in (rows[str(one)] for one, found in there.items() if found.state not in _FINAL):
        if row["granted_at"] is None:
            continue
        values = {name: row[name] for name in _ENDED}
        await tx.connection.execute(transfer.update().where(transfer.c.id == row["id"]).values(values))
    return [one for one in rest if UUID(one) not in there]


def _row(deposit: Deposit, agreement: AgreementV1) -> dict[str, Any]:
    head, lines = deposit.head, deposit.lines
    granted = lines.get("transfer.accepted", {}).get("recorded_at")
    granted_at = None if granted is None else datetime.fromisoformat(granted)
    received_at = datetime.fromisoformat(head["received_at"])
    ended_at = granted_at or received_at
    return {
        "id": UUID(head["transfer_id"]),
        "establishment": UUID(head["establishment"]),
        "agreement": agreement.id,
        "agreement_version": head["agreement_version"],
        "depositor": head["depositor"],
        "state": TransferState.ACCEPTED,
        "received_at": received_at,
        "changed_at": ended_at,
        "staging_key": f"sips/{head['transfer_id']}",
        "size": deposit.sip[1],
        "sha512": deposit.sip[0],
        "header": _header(head),
        "message_identifier": head["message_identifier"] or None,
        "transferring_agency": head["agencies"]["transferring"],
        "steps": [{"state": TransferState.ACCEPTED, "at": rfc3339(ended_at)}],
        "aip_id": UUID(head["aip_id"]),
        "counts": head["counts"],
        "built": None if deposit.aip is None else {"sha512": deposit.aip[0], "size": deposit.aip[1]},
        "granted_at": granted_at,
        "profile": _profile(lines.get("aip.built", {}).get("details", {}), deposit.listed, agreement),
    }


def _header(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header as it was read, from the same facts in the catalogue."""
    agencies = {f"{role}_agency": agency for role, agency in head["agencies"].items()}
    said = {**head, **agencies, "date": head["message_date"]}
    return {name: said.get(name) for name in _HEADER}


_HEADER = tuple(field.name for field in fields(Header))


def _profile(
    built: Mapping[str, Any], listed: Sequence[Mapping[str, Any]] | None, agreement: AgreementV1
) -> dict[str, Any] | None:
    """Return by which profile it was judged: what the line names, as its version of the agreement listed it."""
    if "profile" not in built:
        return None
    named = (built["profile"], built.get("profile_sha512"))
    for one in map(reference_of, agreement.model_dump()["profiles"] if listed is None else listed):
        if (f"{one.identifier} {one.version}", one.sha512) == named:
            return applied_to_json(one.applied)
    return None


_COUNT_INTAKE = text(
    """INSERT INTO intake AS known (agreement, bytes)
       SELECT agreement, sum((counts->>'bytes')::bigint) FROM transfer
       WHERE state NOT IN ('rejected', 'judged') AND counts ? 'bytes' GROUP BY agreement ORDER BY agreement
       ON CONFLICT (agreement) DO UPDATE SET bytes = greatest(known.bytes, excluded.bytes)"""
)


async def take_purge(database: RoomDatabase, message: AipPurgedV1, lines: Said) -> bool:
    """Forget what a purge took; of a transfer of which nothing is left keep the trace. False: too little is told."""
    async with database.begin() as tx:
        there = (await queries.find_transfers(tx.connection, [message.transfer_id])).get(message.transfer_id)
        if there is not None:
            if there.state is not TransferState.ACCEPTED:
                return False
            if there.purged_by is None and (message.version is None or there.forgotten_by != message.order_id):
                await forget_transfers(None, tx, [message])
            return True
        if message.version is not None or not lines.keys() >= _TRACED:
            return False
        row = _purged_row(message, lines)
        await tx.connection.execute(insert(transfer).values(row).on_conflict_do_nothing())
    return True


_TRACED = frozenset({"transfer.received", "transfer.accepted"})


def _purged_row(message: AipPurgedV1, lines: Said) -> dict[str, Any]:
    granted = lines["transfer.accepted"]["recorded_at"]
    granted_at = datetime.fromisoformat(granted)
    row = _row_of_lines(message.transfer_id, lines, TransferState.ACCEPTED, granted_at)
    gone = dict.fromkeys(("purged_by", "forgotten_by"), message.order_id)
    return {**row, "aip_id": message.aip_id, "granted_at": granted_at, **gone}


async def take_refusals(database: RoomDatabase, refusals: Mapping[UUID, Said]) -> int:
    """Add refused transfers that are missing, each by its lines; return how many of them those tell enough of.

    What was found is in the journal, by its codes; which agreement it was made under, older lines do not say.
    """
    rows = [_refused_row(one, lines) for one, lines in refusals.items() if _tells_enough(lines)]
    if rows:
        async with database.begin() as tx:
            await tx.connection.execute(insert(transfer).on_conflict_do_nothing(), rows)
            await tx.connection.execute(_REFUSED_SINCE, [{f"{name}_": row[name] for name in _SINCE} for row in rows])
    return len(rows)


_SINCE = ("id", "state", "changed_at", "steps")
# One that was under way when the database was last backed up.
_REFUSED_SINCE = (
    transfer.update()
    .where(transfer.c.id == bindparam("id_"), transfer.c.state.not_in(_FINAL))
    .values({transfer.c[name]: bindparam(f"{name}_", type_=transfer.c[name].type) for name in _SINCE[1:]})
)


def _tells_enough(lines: Said) -> bool:
    return "agreement" in lines.get("transfer.received", {}).get("details", {}) and "transfer.rejected" in lines


def _refused_row(transfer_id: UUID, lines: Said) -> dict[str, Any]:
    ended_at = datetime.fromisoformat(lines["transfer.rejected"]["occurred_at"])
    return _row_of_lines(transfer_id, lines, TransferState.REJECTED, ended_at)


def _row_of_lines(transfer_id: UUID, lines: Said, state: TransferState, ended_at: datetime) -> dict[str, Any]:
    """Return a transfer of which only the journals tell."""
    received = lines["transfer.received"]
    details = received["details"]
    return {
        "id": transfer_id,
        "establishment": UUID(received["establishment"]),
        "agreement": UUID(details["agreement"]),
        "agreement_version": details["agreement_version"],
        "depositor": received["actor"],
        "state": state,
        "received_at": datetime.fromisoformat(received["occurred_at"]),
        "changed_at": ended_at,
        "staging_key": f"sips/{transfer_id}",
        "size": details["size"],
        "sha512": details["sha512"],
        "steps": [{"state": state, "at": rfc3339(ended_at)}],
    }


async def count_intake(database: RoomDatabase) -> None:
    """Count again what each agreement has taken in."""
    async with database.begin() as tx:
        await tx.connection.execute(_COUNT_INTAKE)
