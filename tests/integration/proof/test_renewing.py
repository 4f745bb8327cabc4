"""Renewals of time-stamps: before a token ends, many go under one new one; what they proved stays proven (PRV-08)."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.proof.evidence import chains_of
from services.proof.renewal_tables import renewal, renewed
from services.proof.renewing import STAMP, StampedForLess
from services.proof.tables import journal, line
from shared.database.plumbing import outbox
from shared.messages.journal import JournalLinesV1
from shared.messages.proof import ProofFiledV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import a_line
from tests.deaths import dying_at, places_of
from tests.independent.bouncycastle import BouncyCastle
from tests.independent.time_stamps import openssl_faults
from tests.integration.proof.seals import EMPTY, Telling, a_package, parts_of, payload_of
from tests.integration.proof.years import MARGIN, Years
from tests.servers import Databases

pytestmark = pytest.mark.integration

CONTENTS = (b"<mets/>", b"act", b"annex")
FREE = "UPDATE proof.work SET leased_until = NULL, not_before = now()"


def h(content: bytes) -> bytes:
    return hashlib.sha512(content).digest()


@pytest.fixture
async def years(
    databases: Databases, database: RoomDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Years]:
    await databases.as_superuser(EMPTY)
    staging = FilesystemStore(tmp_path / "staging")
    await staging.prepare()
    yield Years(database, staging, monkeypatch)
    await staging.close()


async def bodies(database: RoomDatabase, topic: str) -> list[bytes]:
    async with database.reading() as connection:
        return list(await connection.scalars(select(outbox.c.body).where(outbox.c.topic == topic)))


async def test_tokens_that_end_go_under_one_new_token(
    years: Years, consumer: Consumer, bouncycastle: BouncyCastle, tmp_path: Path
) -> None:
    await Telling(consumer)(*(a_line() for _ in range(5)))
    aip = await a_package(years.database, list(map(h, CONTENTS)), years.time())
    for _ in range(3):
        await years.seal()
    assert await years.renew() == 0
    years.time.goes_to(2030, 6)
    assert await years.renew() == 0  # nobody stamps for longer yet
    years.new_certificate()
    await years.seal()

    assert [await years.renew(), await years.renew()] == [1, 0]

    parts = parts_of(await years.staged("renewal", 1))
    told = json.loads(parts["renewal.json"])
    rows = [json.loads(row) for row in parts["leaves.ndjson"].splitlines()]
    assert (told["kind"], told["leaves"], told["previous"], told["members_sha512"]) == ("timestamp", 3, None, None)
    assert told["leaves_sha512"] == hashlib.sha512(parts["leaves.ndjson"]).hexdigest()
    assert [row["renewed"] for row in rows] == [{"kind": "seal", "number": number} for number in (1, 2, 3)]
    assert rows[0]["leaf"] == h(parts_of(await years.staged("seal", 1))["token.tst"]).hex()
    assert payload_of(parts["signature.jws"])["number"] == 1
    later = years.time() + timedelta(days=400)
    record = await years.record_of(aip)
    assert bouncycastle.verdict(record, CONTENTS, later) == "accepted"
    assert openssl_faults(record, years.trusted(tmp_path), tmp_path, later) == []
    async with years.database.reading() as connection:
        row = (
            await connection.execute(
                select(journal.c.id, line.c.body)
                .join_from(journal, line, line.c.journal == journal.c.id)
                .where(line.c.number == 2)
            )
        ).one()
    record = await years.record_of_line(row.id, 2)
    assert bouncycastle.verdict(record, row.body, later) == "accepted"
    assert openssl_faults(record, years.trusted(tmp_path), tmp_path, later) == []


async def test_a_renewal_is_renewed_in_its_turn(years: Years, tmp_path: Path, bouncycastle: BouncyCastle) -> None:
    aip = await a_package(years.database, list(map(h, CONTENTS)), years.time())
    await years.seal()
    for year, month in ((2030, 6), (2034, 2)):
        years.time.goes_to(year, month)
        years.new_certificate()
        await years.seal()
        assert await years.renew() == 1

    async with years.database.reading() as connection:
        chains = await chains_of(connection, aip, 1)
        covered = (await connection.execute(select(renewed).where(renewed.c.renewal == 2))).all()
    assert chains is not None
    assert [len(chain) for chain in chains] == [3]
    assert {(row.kind, row.number) for row in covered} == {("seal", 1), ("seal", 2)}
    kept = {f"{number}.tar": await years.staged("seal", number) for number in (1, 2, 3)}
    kept |= {f"r{number}.tar": await years.staged("renewal", number) for number in (1, 2)}
    assert years.judged(tmp_path, years.time() + timedelta(days=400), kept) == set()
    later = years.time() + timedelta(days=400)
    record = await years.record_of(aip)
    assert bouncycastle.verdict(record, CONTENTS, later) == "accepted"
    assert openssl_faults(record, years.trusted(tmp_path), tmp_path, later) == []


async def test_a_token_falls_due_with_the_algorithms_that_it_rests_on(years: Years) -> None:
    await years.seal()
    years.falls("sha256", datetime(2028, 1, 1, tzinfo=UTC))

    async with years.database.reading() as connection:
        (one,) = await years.calendar.lasting(connection)

    assert (one.because, one.until) == ("sha256", datetime(2028, 1, 1, tzinfo=UTC))
    assert one.due(MARGIN) == datetime(2028, 1, 1, tzinfo=UTC) - MARGIN


async def test_a_token_that_ends_no_later_renews_nothing(years: Years) -> None:
    """Or the archive would renew its renewals without end: of two authorities the one that lasts is asked."""
    await years.seal()
    years.time.goes_to(2030, 6)
    years.new_certificate()
    await years.seal()
    await years.renewer.plan()
    old, new = years.authorities
    years.stamped_by(old, new)
    (held,) = await years.leased()

    with pytest.raises(StampedForLess):
        await years.renewer.finish(held)
    await years.renewer.finish(held)

    async with years.database.reading() as connection:
        ends = await connection.scalar(select(renewal.c.certificate_ends))
    assert ends is not None
    assert ends.year == 2034


@pytest.mark.parametrize("place", [*places_of("proof.renewal"), "proof.file.staged", "proof.file.told"])
async def test_whatever_dies_the_renewal_leaves_once(years: Years, databases: Databases, place: str) -> None:
    await years.seal()
    years.time.goes_to(2030, 6)
    years.new_certificate()
    await years.seal()
    await databases.as_superuser("TRUNCATE proof.outbox")

    with dying_at(place):
        await years.renew()
    await databases.as_superuser(FREE)
    await years.renew()

    (body,) = await bodies(years.database, ProofFiledV1.topic)
    told = ProofFiledV1.model_validate_json(body)
    assert (told.kind, told.number) == ("renewal", 1)
    assert (await years.staging.sha512(told.staging_key)).sha512 == told.sha512
    assert len(await bodies(years.database, JournalLinesV1.topic)) == 1
    assert await years.leased() == []


async def test_of_two_who_plan_at_once_one_succeeds(years: Years, monkeypatch: pytest.MonkeyPatch) -> None:
    await years.seal()
    years.time.goes_to(2030, 6)
    years.new_certificate()
    await years.seal()
    keep, seen = years.renewer.keep, []

    async def meanwhile(*plan: object) -> int | None:
        seen.append(plan)
        if len(seen) == 1:
            assert await years.renewer.plan() == 1
        return await keep(*plan)  # type: ignore[arg-type]

    monkeypatch.setattr(years.renewer, "keep", meanwhile)

    assert await years.renewer.plan() is None

    async with years.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(renewal)) == 1
        assert await connection.scalar(select(func.count()).select_from(renewed)) == 1
    assert len(await years.leased(STAMP)) == 1
