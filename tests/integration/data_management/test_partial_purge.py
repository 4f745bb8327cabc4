"""Once the version without some units is stored, the catalogue knows nothing more of them, and finds what is left."""

import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from services.data_management import tables
from services.data_management.handlers import CATALOGUE, take_aips
from services.data_management.queries.scope import look_within
from services.data_management.worker import Cataloguer
from shared.checksums import sha512_of
from shared.messages.ingest import MemberV1
from shared.messages.storage import AipStoredV1
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from tests.builders.purges import MARK, PLANTED, AnAip, a_planted_aip
from tests.servers import Databases

pytestmark = pytest.mark.integration

ENTRIES = (tables.aip, tables.unit, tables.unit_child, tables.data_object, tables.unit_object)


def announced(aip: AnAip, version: int) -> AipStoredV1:
    with tarfile.open(fileobj=io.BytesIO(aip.content)) as archive:
        found = archive.getmember(f"{aip.plan.aip_id}/metadata/descriptive/catalogue.ndjson")
    content = aip.content[found.offset_data : found.offset_data + found.size]
    return AipStoredV1(
        aip_id=aip.plan.aip_id,
        transfer_id=aip.plan.transfer_id,
        establishment=aip.plan.establishment,
        version=version,
        sha512=sha512_of(aip.content),
        size=len(aip.content),
        receipts=(),
        catalogue=MemberV1(offset=found.offset_data, length=found.size, sha512=sha512_of(content)),
    )


async def catalogue(database: RoomDatabase, aip: AnAip, version: int) -> None:
    message = announced(aip, version)

    @asynccontextmanager
    async def fetch(asked: AipStoredV1) -> AsyncIterator[AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            yield aip.content[asked.catalogue.offset : asked.catalogue.offset + asked.catalogue.length]

        yield chunks()

    async with database.begin() as tx:
        await take_aips(tx, [message])
    (held,) = await lease(database, [CATALOGUE], 1)
    await Cataloguer(database, fetch).catalogue(held)


async def rows(database: RoomDatabase, aip: AnAip, table: Table) -> list[dict[str, Any]]:
    async with database.engine.connect() as connection:
        await look_within(connection, [aip.plan.establishment])
        return [dict(row) for row in (await connection.execute(select(table))).mappings()]


async def test_what_was_purged_is_found_no_more_and_what_is_left_is_where_it_is_said(
    database: RoomDatabase, databases: Databases, tmp_path: Path
) -> None:
    before = a_planted_aip(tmp_path)
    after = before.purged(before.units(*PLANTED))
    await catalogue(database, before, 1)
    assert len(await rows(database, before, tables.unit)) == 5

    await catalogue(database, after, 2)

    everything = {table.name: await rows(database, before, table) for table in ENTRIES}
    assert MARK not in repr(everything)
    assert {unit["xml_id"] for unit in everything["unit"]} == {"unit-1", "unit-2", "unit-5"}
    assert {child["unit_id"] for child in everything["unit_child"]} == set(before.units("unit-2", "unit-5"))
    objects = {found["xml_id"]: found for found in everything["object"]}
    assert objects.keys() == {"obj-0", "obj-3"}
    shared = objects["obj-3"]
    assert after.content[shared["file_offset"] : shared["file_offset"] + shared["size"]] == b"des deux"
    (aip,) = everything["aip"]
    assert (aip["version"], aip["units"], aip["objects"]) == (2, 3, 2)
    (found,) = await databases.as_superuser(
        "SELECT count(*) FROM data_management.unit WHERE tsv::text LIKE '%secret%'"
    )
    assert found["count"] == 0
