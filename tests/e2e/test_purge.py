"""After a purge the bytes, titles and names of a deposit are nowhere; the deposit beside it reads whole (LIF-07)."""

import asyncio
import hashlib
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from chartrier_client.administration import Mandate, create_client
from chartrier_client.answers import Transfer
from chartrier_client.description import Envelope, Level, SourceFile, Unit
from chartrier_client.sip import SipBuilder
from services.admin.domain.purge import PurgeOrder
from services.admin.handlers.purges import order_purge
from services.local import postgres
from shared.clock import now
from shared.database.engine import role_of, room_engine
from shared.identifiers import new_id
from shared.messaging.transaction import RoomDatabase
from shared.rooms import ROOMS
from tests.e2e.conftest import AllInOne
from tests.e2e.traces import eventually, stored_aips
from trials.towns import Archive, Town, a_town, until_state

pytestmark = pytest.mark.e2e

TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = ANY ($1)"


@dataclass(frozen=True)
class Deposit:
    """One that was accepted, with a mark in its title, its file, its file's name and the reason of its acceptance."""

    mark: str
    sip: Path
    transfer: Transfer
    units: tuple[str, ...]
    file: str
    sha512: str


def accepted(town: Town, transfer_id: str, reason: str) -> Transfer:
    """Have an archivist accept a transfer, once it waits for him, and wait until it is over."""
    with town.archive.administrator() as admin:
        archivist = create_client(admin, "archiviste", [Mandate(town.establishment, ("archivist",))])
    token = town.archive.token(archivist.client_id, archivist.client_secret)
    with town.client() as client, town.archive.http(token) as http:
        until_state(client, transfer_id, "awaiting_decision", patience=120)
        decided = {"decision": "accept", "reason": reason}
        http.post(f"/ingest/v1/transfers/{transfer_id}/decision", json=decided).raise_for_status()
        return until_state(client, transfer_id, "accepted", "rejected", patience=120)


def deposit(town: Town, folder: Path) -> Deposit:
    mark = f"q{uuid4().hex}z"
    envelope = Envelope(f"message-{uuid4()}", "archives", f"versant-{uuid4()}", comment=f"De {mark}")
    builder = SipBuilder(envelope)
    root = builder.add_unit(Unit(title=f"Dossier {mark}", level=Level.RECORD_GROUP, description=f"De {mark}"))
    content = f"contenu {mark} ".encode() * 200
    builder.add_file(root, SourceFile(f"acte-{mark}.txt", content, "text/plain"))
    builder.write(sip := folder / f"{mark}.zip")
    with town.client() as client:
        transfer = accepted(town, client.deposit(sip, town.agreement), f"Vu pour {mark}")
        assert transfer.state == "accepted", transfer.findings
        units = list(client.search(transfer=transfer.id))
        file = next(one.id for unit in units for one in unit.objects)
        client.wait_dip(client.order_dip([units[0].id]), 60)
    return Deposit(
        mark, sip, transfer, tuple(unit.id for unit in units), file or "", hashlib.sha512(content).hexdigest()
    )


async def connected(archive: Archive) -> asyncpg.Connection:
    server = postgres.start(archive.home / archive.kind / "postgres")
    address = make_url(server.url("postgres")).set(drivername="postgresql")
    return await asyncpg.connect(address.render_as_string(hide_password=False))


async def asked(archive: Archive, query: str, *values: object) -> list[Any]:
    connection = await connected(archive)
    try:
        return [row[0] for row in await connection.fetch(query, *values)]
    finally:
        await connection.close()


async def rows_with(archive: Archive, mark: str) -> list[str]:
    """Every table that has a mark in any row, as a dump would write it: bytes are hexadecimal there."""
    found = []
    for table in await asked(archive, TABLES, list(ROOMS)):
        query = f"SELECT 1 FROM {table} AS t WHERE t::text LIKE ANY ($1) LIMIT 1"  # noqa: S608 (names of ours)
        if await asked(archive, query, [f"%{mark}%", f"%{mark.encode().hex()}%"]):
            found.append(table)
    return found


def files_with(archive: Archive, mark: str) -> list[str]:
    """Every file on the sites and in staging that has a mark in its bytes or its name."""
    state = archive.home / archive.kind
    files = [path for name in ("site-a", "site-b", "staging") for path in (state / name).rglob("*") if path.is_file()]
    return [str(path.relative_to(state)) for path in files if mark in path.name or holds(path, mark.encode())]


def holds(path: Path, words: bytes) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(words) >= 0


async def order(archive: Archive, town: Town, gone: Deposit) -> UUID:
    """Give the order as an elimination will, once it is signed and visaed."""
    server = postgres.start(archive.home / archive.kind / "postgres")
    database = RoomDatabase(room_engine(server.url(role_of("admin")), "admin"), "admin")
    given = PurgeOrder(
        id=new_id(),
        establishment=UUID(town.establishment),
        aip=UUID(gone.transfer.aip_id or ""),
        scope="aip",
        units=(),
        list_sha512="1" * 128,
        visa_sha512="2" * 128,
        ordered_at=now(),
        ordered_by="client:tests",
    )
    try:
        async with database.begin() as tx:
            assert await order_purge(tx, given)
    finally:
        await database.engine.dispose()
    return given.id


async def forgotten(archive: Archive, order_id: UUID) -> set[str]:
    """The rooms whose lines about this order are in the journal."""
    query = "SELECT convert_from(body, 'UTF8') FROM proof.line WHERE convert_from(body, 'UTF8') LIKE $1"
    lines = await asked(archive, query, f"%{order_id}%")
    return {
        room
        for room, action in (
            ("storage", "aip.purged"),
            *((room, "aip.forgotten") for room in ("ingest", "data_management", "access")),
        )
        if any(f'"{action}"' in line and f"room:{room}" in line for line in lines)
    }


def test_a_purged_deposit_is_nowhere_and_the_other_reads_whole(all_in_one: AllInOne, tmp_path: Path) -> None:
    archive = all_in_one.archive
    town = a_town(archive, decision="archivist")
    gone, other = deposit(town, tmp_path), deposit(town, tmp_path)
    everybody = {"storage", "ingest", "data_management", "access"}
    # The search does see what is there.
    assert len(files_with(archive, gone.mark)) >= 3
    assert {"data_management.unit", "ingest.transfer"} <= set(asyncio.run(rows_with(archive, gone.mark)))

    order_id = asyncio.run(order(archive, town, gone))

    assert eventually(lambda: asyncio.run(forgotten(archive, order_id)) == everybody, 90)
    assert eventually(lambda: not files_with(archive, gone.mark)), files_with(archive, gone.mark)
    assert eventually(lambda: not asyncio.run(rows_with(archive, gone.mark))), asyncio.run(
        rows_with(archive, gone.mark)
    )
    assert {name.partition(" ")[2] for name in stored_aips(archive, town.establishment)} == {
        f"{other.transfer.aip_id}-v1.tar"
    }
    with town.http() as http, town.client() as client:
        unit = http.get(f"/access/v1/units/{gone.units[0]}")
        assert (unit.status_code, unit.json()["order"]) == (410, str(order_id))
        assert http.get(f"/access/v1/objects/{gone.file}/content").status_code == 404
        assert http.get(f"/storage/v1/aips/{gone.transfer.aip_id}/content").status_code == 410
        assert http.get(f"/ingest/v1/transfers/{gone.transfer.id}/reply").status_code == 410
        assert client.transfer(gone.transfer.id).state == "accepted"
        client.download(other.file, tmp_path / "back")
        assert hashlib.sha512((tmp_path / "back").read_bytes()).hexdigest() == other.sha512
        assert [unit.id for unit in client.search(transfer=other.transfer.id)] == list(other.units)
        # What was eliminated may be deposited anew.
        again = accepted(town, client.deposit(gone.sip, town.agreement), "")
        assert (again.state, again.id != gone.transfer.id) == ("accepted", True)
