"""What stored packages are made of: read once each, whatever dies or is away, and never changed afterwards."""

import asyncio
import hashlib
import io
import tarfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import Executable, Row, select, text, update
from sqlalchemy.exc import DBAPIError

from services.local.ports import free_ports
from services.proof import gathering
from services.proof.domain.hash_tree import group_value
from services.proof.gathering import GATHER, Gatherer, PackageWaits, take_packages
from services.proof.measures import measure_ungathered
from services.proof.tables import package_group
from shared import faults
from shared.calls import RoomCalls, RoomUnavailable
from shared.messages.ingest import MemberV1
from shared.messages.storage import AipStoredV1, ReceiptV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.lease import Lane, Lease
from shared.messaging.outcome import DONE
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, lease
from shared.settings import RoomSettings
from tests.builders.aip_shelf import AipShelf, listening
from tests.builders.aips import a_checked_transfer, a_plan
from tests.servers import Databases

pytestmark = pytest.mark.integration

SECRET = "proof-tests-" + "s" * 32


class Died(Exception):
    """The process was killed here."""


@dataclass
class House:
    """Proof before a shelf of packages."""

    database: RoomDatabase
    shelf: AipShelf
    calls: RoomCalls
    gatherer: Gatherer
    consumer: Consumer

    async def stored(self, *contents: bytes | None, files: int = 1) -> list[UUID]:
        """Put packages on the shelf (of `files` files where no bytes are given), and tell of them at once."""
        messages = []
        for content in contents or (None,):
            aip = uuid4()
            self.shelf.aips[str(aip)] = a_package(aip, files) if content is None else content
            messages.append(told(aip, self.shelf.aips[str(aip)]))
        assert await self.hear(*messages) == [DONE] * len(messages)
        return [message.aip_id for message in messages]

    async def hear(self, *messages: AipStoredV1) -> list[Any]:
        deliveries = [Delivery(one.message_id, one.topic, one.model_dump_json().encode()) for one in messages]
        return list(await self.consumer.handle(deliveries))

    async def work(self) -> list[Lease]:
        return await lease(self.database, [GATHER], 10, lane=Lane.BACKGROUND)

    async def gather(self) -> None:
        for held in await self.work():
            await self.gatherer.gather(held)

    async def groups(self, *aips: UUID) -> list[Row[Any]]:
        query = select(package_group).where(package_group.c.aip.in_(aips))
        async with self.database.reading() as connection:
            rows = {row.aip: row for row in await connection.execute(query)}
        return [rows[aip] for aip in aips]


@pytest.fixture
async def house(databases: Databases, database: RoomDatabase) -> AsyncIterator[House]:
    await databases.as_superuser("TRUNCATE proof.package_group, proof.work")
    (port,) = free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")),
        internal_secret=SecretStr(SECRET),
        base_url=f"http://127.0.0.1:{port}",
    )
    shelf, calls = AipShelf(), RoomCalls(settings, "proof")
    async with listening(shelf.app, port):
        consumer = Consumer("proof.take_packages", database, {AipStoredV1: take_packages})
        yield House(database, shelf, calls, Gatherer(database, calls, at_once), consumer)
        await calls.close()


async def at_once(_: float) -> None:
    """Rest for no time."""


def a_package(aip: UUID, files: int = 1) -> bytes:
    contents = {f"Content/{n}.txt": b"%d of %s" % (n, aip.bytes) for n in range(files)}
    return a_checked_transfer(contents, plan=replace(a_plan(), aip_id=aip)).build()[0]


def told(aip: UUID, content: bytes, version: int = 1) -> AipStoredV1:
    sha512 = hashlib.sha512(content).hexdigest()
    receipt = ReceiptV1(site="a", place="Aix", key="k", version_id=None, sha512=sha512, verified_at=datetime.now(UTC))
    return AipStoredV1(
        aip_id=aip,
        transfer_id=uuid4(),
        establishment=uuid4(),
        version=version,
        sha512=sha512,
        size=len(content),
        receipts=(receipt,),
        catalogue=MemberV1(offset=0, length=1, sha512=sha512),
    )


def members_of(package: bytes) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(package)) as tar:
        contents = [tar.extractfile(member) for member in tar if member.isreg()]
        return sorted({hashlib.sha512(content.read()).digest() for content in contents if content})


async def ungathered_seconds(house: House) -> float:
    await measure_ungathered(house.database)
    return REGISTRY.get_sample_value("chartrier_packages_ungathered_oldest_seconds") or 0


def is_whole(house: House, group: Row[Any]) -> bool:
    members = members_of(house.shelf.aips[str(group.aip)])
    return (group.digests, group.leaf) == (b"".join(members), group_value(members))


async def test_a_package_is_the_group_of_its_files(house: House) -> None:
    small, large = await house.stored(None), await house.stored(None, files=300)

    await house.gather()

    groups = await house.groups(*small, *large)
    assert all(is_whole(house, group) for group in groups)
    assert len(groups[1].digests) > 300 * 64
    # Of the small one METS was in the first bytes; of the large one the rest was asked for.
    assert len(house.shelf.ranges) == 3
    assert groups[0].receipts[0]["place"] == "Aix"
    assert await house.work() == []


async def test_packages_that_come_together_are_one_piece_of_work(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.stored(*[None] * 7)
    assert len(await house.work()) == 1

    monkeypatch.setattr(gathering, "PACKAGES", 3)
    aips = await house.stored(*[None] * 7)
    pieces = await house.work()
    assert [len(held.payload["packages"]) for held in pieces] == [3, 3, 1]
    for held in pieces:
        await house.gatherer.gather(held)
    assert all(is_whole(house, group) for group in await house.groups(*aips))


@pytest.mark.parametrize("bad", [b"", b"no TAR at all", b"\0" * 10_240])
async def test_a_package_that_cannot_be_read_holds_up_no_other_and_is_seen(house: House, bad: bytes) -> None:
    first, broken, last = await house.stored(None, bad, None)
    (held,) = await house.work()

    with pytest.raises(PackageWaits, match=str(broken)):
        await house.gatherer.gather(held)

    assert [group.leaf is None for group in await house.groups(first, broken, last)] == [False, True, False]
    assert await ungathered_seconds(house) > 0

    # Put right, it is read, and no other again.
    house.shelf.aips[str(broken)] = a_package(broken)
    house.shelf.ranges.clear()
    await house.gatherer.gather(held)
    assert len(house.shelf.ranges) == 1
    assert is_whole(house, (await house.groups(broken))[0])
    assert await ungathered_seconds(house) == 0


async def test_while_storage_is_away_packages_wait(house: House) -> None:
    aips = await house.stored(None, None)
    (held,) = await house.work()
    house.shelf.away = True

    with pytest.raises(RoomUnavailable):
        await house.gatherer.gather(held)
    assert len(house.shelf.ranges) == 1

    house.shelf.away = False
    await house.gatherer.gather(held)
    assert all(is_whole(house, group) for group in await house.groups(*aips))


async def test_an_answer_that_breaks_off_is_asked_for_again(house: House) -> None:
    (aip,) = await house.stored(None, files=20)
    (held,) = await house.work()
    house.shelf.cut_after = 2000

    with pytest.raises(RoomUnavailable):
        await house.gatherer.gather(held)

    house.shelf.cut_after = None
    await house.gatherer.gather(held)
    assert is_whole(house, (await house.groups(aip))[0])


async def test_reading_leaves_a_busy_machine_to_others(house: House) -> None:
    aips = await house.stored(None, None, None)
    (held,) = await house.work()
    rested: list[float] = []

    async def rest(seconds: float) -> None:
        rested.append(seconds)

    begun = time.monotonic()
    await Gatherer(house.database, house.calls, rest).gather(held)

    # Between them, and four times as long as reading took; behind the last there is nothing to wait for.
    assert len(rested) == 2
    assert min(rested) > 0
    assert sum(rested) < 4 * (time.monotonic() - begun)
    assert all(is_whole(house, group) for group in await house.groups(*aips))


async def test_one_that_was_purged_meanwhile_is_noted_as_gone(house: House) -> None:
    gone, there = await house.stored(None, None)
    house.shelf.eliminated.add(str(gone))

    await house.gather()

    lost, kept = await house.groups(gone, there)
    assert lost.gone_at is not None
    assert lost.leaf is None
    assert is_whole(house, kept)
    assert await house.work() == []
    assert await ungathered_seconds(house) == 0


async def test_a_package_told_of_twice_is_one_and_its_next_version_another(house: House) -> None:
    aip = uuid4()
    house.shelf.aips[str(aip)] = package = a_package(aip)
    first, again, second = told(aip, package), told(aip, package), told(aip, package, version=2)

    await house.hear(first, again)
    await house.hear(again, second)
    await house.gather()

    async with house.database.reading() as connection:
        rows = (await connection.execute(select(package_group.c.version, package_group.c.leaf))).all()
    assert sorted(row.version for row in rows) == [1, 2]
    assert None not in [row.leaf for row in rows]
    assert sorted(house.shelf.versions) == ["1", "2"]


async def test_what_was_found_out_before_a_death_is_not_asked_for_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "AT_ONCE_BYTES", 1)
    aips = await house.stored(None, None, None)
    (held,) = await house.work()

    def strike(name: str) -> None:
        if name == "proof.gather.kept":
            raise Died

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Died):
        await house.gatherer.gather(held)
    monkeypatch.setattr(faults, "strike", None)
    await house.gatherer.gather(held)

    assert all(is_whole(house, group) for group in await house.groups(*aips))
    assert len(house.shelf.ranges) == 3


async def test_of_two_with_the_same_work_one_closes_it_and_nothing_is_changed(house: House) -> None:
    aips = await house.stored(*[None] * 5)
    (held,) = await house.work()

    ended = await asyncio.gather(house.gatherer.gather(held), house.gatherer.gather(held), return_exceptions=True)

    assert None in ended
    assert all(one is None or isinstance(one, StaleLease) for one in ended)
    assert all(is_whole(house, group) for group in await house.groups(*aips))


async def test_a_worker_that_lost_its_lease_writes_nothing(house: House) -> None:
    (aip,) = await house.stored(None)
    (held,) = await house.work()

    with pytest.raises(StaleLease):
        await house.gatherer.gather(replace(held, epoch=held.epoch + 1))
    assert (await house.groups(aip))[0].leaf is None


async def test_nobody_changes_what_a_package_was_made_of(house: House, databases: Databases) -> None:
    (aip,) = await house.stored(None)
    await house.gather()

    async def refused(statement: Executable) -> str:
        with pytest.raises(DBAPIError) as told:
            async with house.database.begin() as tx:
                await tx.connection.execute(statement)
        return str(told.value)

    assert "never changed" in await refused(update(package_group).values(digests=b"", leaf=b""))
    assert "permission denied" in await refused(text("DELETE FROM package_group"))
    assert "permission denied" in await refused(update(package_group).values(aip=uuid4()))
    with pytest.raises(Exception, match="never changed"):
        await databases.as_superuser("UPDATE proof.package_group SET digests = '', leaf = ''")
    assert is_whole(house, (await house.groups(aip))[0])
