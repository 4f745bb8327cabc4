"""Three generations: sealed, the time-stamp renewed, the tree renewed with another algorithm, and that renewed.

Everything by the room's own hands; what they leave is judged by BouncyCastle, openssl and the client (PRV-08).
"""

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from services.local.ports import free_ports
from services.proof.domain.renewals import Renewed
from services.proof.evidence import OtherLines, chains_of
from services.proof.gathering import PackageWaits
from services.proof.renewal_listing import campaigns, trees
from services.proof.renewal_queries import heads
from services.proof.renewal_tables import renewed_package
from services.proof.rereading import READ, Rereader
from services.proof.tables import journal, line
from services.proof.tree_queries import under_way
from shared.calls import RoomCalls, RoomUnavailable
from shared.database.plumbing import outbox
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.filesystem import FilesystemStore
from shared.settings import RoomSettings
from tests.builders.aip_shelf import AipShelf, listening
from tests.builders.aips import a_checked_transfer, a_plan
from tests.builders.journal import a_line
from tests.deaths import dying_at, places_of
from tests.independent.bouncycastle import BouncyCastle
from tests.independent.time_stamps import openssl_faults, tokens_of
from tests.integration.proof.seals import EMPTY, Telling, a_package, parts_of
from tests.integration.proof.years import Years
from tests.servers import Databases

pytestmark = pytest.mark.integration

SECRET = "proof-tests-" + "s" * 32
FREE = "UPDATE proof.work SET leased_until = NULL, not_before = now()"
KEPT, GONE = {"Content/act.txt": b"act", "Content/annex.txt": b"annex"}, {"Content/gone.txt": b"eliminated"}
PLACES = [place for flow in ("campaign", "reread", "renewal") for place in places_of(f"proof.{flow}")]


@dataclass
class House:
    """Proof over many years, before a shelf of packages; `aip` loses a file with its second version."""

    years: Years
    shelf: AipShelf
    rereader: Rereader
    aip: UUID
    whole: UUID

    async def lines(self) -> list[tuple[int, int, bytes]]:
        """Return lines with their journal and number."""
        query = select(journal.c.id, line.c.number, line.c.body).join_from(
            journal, line, line.c.journal == journal.c.id
        )
        async with self.years.database.reading() as connection:
            rows = await connection.execute(query.order_by(journal.c.id, line.c.number))
            return [(row.id, row.number, row.body) for row in rows]

    async def renew_trees(self) -> None:
        await self.years.renew_trees(self.rereader)


def packed(aip: UUID, contents: dict[str, bytes]) -> tuple[bytes, list[bytes]]:
    """Return a package, and the contents of its members."""
    content = a_checked_transfer(contents, plan=replace(a_plan(), aip_id=aip)).build()[0]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        files = [tar.extractfile(member) for member in tar if member.isreg()]
        return content, [file.read() for file in files if file is not None]


@pytest.fixture
async def house(
    databases: Databases, database: RoomDatabase, consumer: Consumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """Sealed twice: a package and lines, and, four years later, what is left of the package."""
    await databases.as_superuser(EMPTY)
    staging = FilesystemStore(tmp_path / "staging")
    await staging.prepare()
    (port,) = free_ports(1)
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")),
        internal_secret=SecretStr(SECRET),
        base_url=f"http://127.0.0.1:{port}",
    )
    shelf, calls, years = AipShelf(), RoomCalls(settings, "proof"), Years(database, staging, monkeypatch)
    aip, whole = uuid4(), uuid4()
    async with listening(shelf.app, port):
        it = House(years, shelf, Rereader(database, calls), aip, whole)
        await Telling(consumer)(*(a_line() for _ in range(5)), a_line(kind="events", establishment=None))
        await stored(it, aip, 1, KEPT | GONE)
        await stored(it, whole, 1, KEPT)
        await years.seal()
        years.time.goes_to(2030, 6)
        years.new_certificate()
        await stored(it, aip, 2, KEPT)
        shelf.eliminated.add(f"{aip}/1")
        await years.seal()
        yield it
        await calls.close()
    await staging.close()


async def stored(it: House, aip: UUID, version: int, contents: dict[str, bytes]) -> None:
    content, members = packed(aip, contents)
    it.shelf.aips[f"{aip}/{version}"] = content
    digests = list({hashlib.sha512(one).digest() for one in members})
    await a_package(it.years.database, digests, it.years.time(), aip, version)


async def test_three_generations_prove_packages_and_lines(
    house: House, bouncycastle: BouncyCastle, tmp_path: Path
) -> None:
    years = house.years
    assert await years.renew() == 1
    years.time.goes_to(2032)
    years.falls("sha512", datetime(2032, 3, 1, tzinfo=UTC))
    await house.renew_trees()
    years.time.goes_to(2034, 2)
    years.new_certificate()
    await years.seal()
    assert await years.renew() == 1

    later, trusted = years.time() + timedelta(days=100), years.trusted(tmp_path)
    first, second = await years.record_of(house.aip, 1), await years.record_of(house.aip, 2)
    content, members = packed(house.aip, KEPT)
    assert [token.algorithm for token in tokens_of(first)] == ["sha512", "sha512", "sha384", "sha384"]
    assert [token.algorithm for token in tokens_of(second)] == ["sha512", "sha384", "sha384"]
    assert bouncycastle.verdict(second, members, later) == "accepted"
    # The old record proves the files left; what was eliminated it proves no more than it is there.
    assert [bouncycastle.verdict(first, one, later) for one in KEPT.values()] == ["accepted"] * 2
    assert bouncycastle.verdict(first, GONE["Content/gone.txt"], later).startswith("refused")
    whole = await years.record_of(house.whole)
    assert bouncycastle.verdict(whole, packed(house.whole, KEPT)[1], later) == "accepted"
    assert years.judged(tmp_path, later, {"aip.tar": content}, second) == set()
    records = [first, second, whole]
    for journal_id, number, body in await house.lines():
        records.append(await years.record_of_line(journal_id, number))
        assert bouncycastle.verdict(records[-1], body, later) == "accepted"
        assert bouncycastle.verdict(records[-1], body + b" ", later).startswith("refused")
        if number <= 1:
            assert years.judged(tmp_path, later, {"line.json": body}, records[-1]) == set()
    assert [openssl_faults(record, trusted, tmp_path, later) for record in records] == [[]] * len(records)


async def test_a_campaign_leaves_its_trees_and_ends(house: House) -> None:
    years = house.years
    years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))

    await house.renew_trees()

    parts = parts_of(await years.staged("renewal", 1))
    told, rows = json.loads(parts["renewal.json"]), parts["leaves.ndjson"].splitlines()
    assert (told["kind"], told["algorithm"], told["leaves"]) == ("tree", "sha384", len(rows))
    assert told["members_sha512"] == hashlib.sha512(parts["members.bin"]).hexdigest()
    assert sum(json.loads(row).get("members", 0) for row in rows) * 48 == len(parts["members.bin"])
    async with years.database.reading() as connection:
        (campaign,) = await campaigns(connection, 10)
        assert await under_way(connection) is None
        assert [(one.algorithm, one.packages, one.runs) for one in await trees(connection)] == [("sha384", 3, 2)]
        # From now on the token of the new tree is kept alive; the others as long as their algorithm holds.
        seals = [Renewed("seal", number) for number in (1, 2)]
        assert [one.renewed for one in await heads(connection, [])] == [*seals, Renewed("renewal", 1)]
        assert [one.renewed for one in await heads(connection, ["sha512"])] == [Renewed("renewal", 1)]
    assert (campaign.read, campaign.renewed, campaign.left) == (3, 3, 0)
    # Once each, but the version that is nowhere any more.
    assert sorted(house.shelf.read) == sorted([f"{house.aip}/2", f"{house.whole}/1"])


@pytest.mark.parametrize("place", PLACES)
async def test_whatever_dies_every_tree_is_renewed_once(house: House, databases: Databases, place: str) -> None:
    years = house.years
    years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))
    await databases.as_superuser("TRUNCATE proof.outbox")

    with dying_at(place):
        await house.renew_trees()
    await databases.as_superuser(FREE)
    await house.renew_trees()
    for held in await years.leased():
        await years.renewer.finish(held)

    query = select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic).order_by(outbox.c.created_at)
    async with years.database.reading() as connection:
        said = [one["action"] for body in await connection.scalars(query) for one in json.loads(body)["lines"]]
        rows = (await connection.execute(select(renewed_package))).all()
    assert said == ["campaign.begun", "renewal.stamped", "campaign.ended"]
    assert [(row.renewal, row.leaf is None, row.files) for row in rows] == [(1, False, None)] * 3
    assert len(tokens_of(await years.record_of(house.aip))) == 2


async def test_a_package_that_nobody_has_any_more_is_left_out(house: House) -> None:
    house.shelf.eliminated.add(str(house.whole))
    house.years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))

    await house.renew_trees()

    async with house.years.database.reading() as connection:
        chains = await chains_of(connection, house.whole, 1)
        assert [one.packages for one in await trees(connection)] == [2]
    assert chains is not None
    assert len(chains) == 1


async def test_a_package_that_is_not_as_it_was_sealed_is_not_proven_anew(house: House) -> None:
    house.shelf.aips[f"{house.whole}/1"] = packed(house.whole, GONE)[0]
    house.years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))

    with pytest.raises(PackageWaits, match="not as it was sealed"):
        await house.renew_trees()

    async with house.years.database.reading() as connection:
        (campaign,) = await campaigns(connection, 1)
    assert campaign.ended_at is None


async def test_lines_that_were_changed_are_not_proven_anew(house: House, databases: Databases) -> None:
    await databases.as_superuser(
        """DO $$ BEGIN ALTER TABLE proof.line DISABLE TRIGGER line_stays;
           UPDATE proof.line SET body = 'other' WHERE number = 2;
           ALTER TABLE proof.line ENABLE TRIGGER line_stays; END $$"""
    )
    house.years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))

    with pytest.raises(OtherLines, match="a line is not what its digest says"):
        await house.renew_trees()


async def test_while_storage_is_away_packages_wait(house: House, databases: Databases) -> None:
    house.years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))
    house.shelf.away = True
    with pytest.raises(RoomUnavailable):
        await house.renew_trees()
    house.shelf.away, house.shelf.cut_after = False, 2000
    await databases.as_superuser(FREE)
    with pytest.raises(RoomUnavailable):
        await house.renew_trees()
    house.shelf.cut_after = None
    await databases.as_superuser(FREE)

    await house.renew_trees()

    assert len(tokens_of(await house.years.record_of(house.aip))) == 2


async def test_two_at_once_come_to_the_same_trees(house: House) -> None:
    years = house.years
    years.falls("sha512", datetime(2030, 7, 1, tzinfo=UTC))
    await years.trees.renew_due(years.database)
    again = await lease(years.database, [READ], 100, lane=Lane.BACKGROUND)
    await years.trees.renew_due(years.database)  # asked for twice
    assert await lease(years.database, [READ], 100, lane=Lane.BACKGROUND) == []
    for held in again:
        await house.rereader.read(held)
    async with years.database.reading() as connection:
        campaign = await under_way(connection)
    assert campaign is not None

    planned = [await years.trees.plan(campaign, whole=True) for _ in range(2)]

    assert planned == [1, None]
    await house.renew_trees()
    assert len(tokens_of(await years.record_of(house.aip))) == 2


async def test_what_was_sealed_since_waits_for_the_next_campaign(house: House) -> None:
    years = house.years
    years.falls("sha512", datetime(2030, 9, 1, tzinfo=UTC))
    await house.renew_trees()
    await years.seal()

    assert await years.trees.renew_due(years.database) == 0
    years.time.goes_to(2030, 8)
    await years.seal()
    later = uuid4()
    await stored(house, later, 1, KEPT)
    await years.seal()
    await house.renew_trees()

    assert len(tokens_of(await years.record_of(later))) == 2
    assert len(tokens_of(await years.record_of(house.whole))) == 2
