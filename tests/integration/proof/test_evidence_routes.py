"""Evidence over HTTP: records that programs which are not ours accept, for those who may have them."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from services.proof.domain.hash_tree import HashTree, group_value
from services.proof.evidence import OtherLines
from services.proof.settings import ProofSettings
from services.proof.tables import journal, line, package_group, seal, sealed_journal
from services.proof.wiring import build
from shared.identity.rights import Role
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.messaging.transaction import RoomDatabase
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET, a_token, a_verifier
from tests.builders.evidence import TIMES, token
from tests.builders.journal import Sender, a_line
from tests.builders.pki import root
from tests.independent.bouncycastle import BouncyCastle
from tests.independent.time_stamps import openssl_faults
from tests.integration.proof.seals import behind
from tests.servers import Databases

pytestmark = pytest.mark.integration

MOMENT = TIMES[0] + timedelta(days=200)

As = Callable[..., httpx.AsyncClient]


def h(content: bytes) -> bytes:
    return hashlib.sha512(content).digest()


@dataclass(frozen=True)
class ASeal:
    """What one seal has: packages of a town, by their contents, and lines 3 to 7 of its journal, of ten."""

    town: UUID
    one: UUID
    three: UUID
    journal: str
    bodies: tuple[bytes, ...]

    def evidence_of(self, aip: UUID) -> str:
        return f"/proof/v1/aips/{aip}/evidence"

    def evidence_of_line(self, number: int) -> str:
        return f"/proof/v1/journals/{self.journal}/lines/{number}/evidence"


ONE, THREE = (b"<mets/>",), (b"<mets></mets>", b"act", b"annex")


@pytest.fixture
async def a_seal(databases: Databases, database: RoomDatabase, consumer: Consumer) -> ASeal:
    """A seal as it is once its token has come."""
    await databases.as_superuser(behind("TRUNCATE proof.package_group, proof.sealed_journal, proof.seal"))
    town, one, three = uuid4(), uuid4(), uuid4()
    message = Sender(f"room-{uuid4()}").says(*(a_line(establishment=town) for _ in range(10)))
    await consumer.handle([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])
    name = f"archives.{town}"
    async with database.begin() as tx:
        known = (await tx.connection.execute(select(journal).where(journal.c.name == name))).one()
        lines = (
            await tx.connection.execute(select(line).where(line.c.journal == known.id).order_by(line.c.number))
        ).all()
        tree = HashTree([row.sha512 for row in lines[2:7]])
        leaves = [h(b"seal.json"), h(b"another journal"), h(b"the row of heads"), tree.root]
        leaves += [group_value(map(h, ONE)), group_value(map(h, THREE))]
        stamped = await token(HashTree(leaves).root, "sha512", TIMES[0])
        facts = {"number": 1, "at": TIMES[0], "algorithm": "sha512", "body": b"seal.json", "probative": True}
        facts |= {"leaves": b"".join(leaves), "root": HashTree(leaves).root, "token": stamped}
        await tx.connection.execute(insert(seal).values(facts))
        place = {"seal": 1, "journal": known.id, "position": 2, "first": 3, "last": 7, "root": tree.root}
        place |= {"head_number": 7, "head_sha512": lines[6].sha512}
        await tx.connection.execute(insert(sealed_journal).values(place))
        for position, (aip, contents) in enumerate([(one, ONE), (three, THREE)], 4):
            await tx.connection.execute(insert(package_group).values(a_group(aip, town, contents, position)))
    return ASeal(town, one, three, name, tuple(row.body for row in lines))


def a_group(aip: UUID, town: UUID, contents: tuple[bytes, ...], position: int | None) -> dict[str, object]:
    digests = sorted(map(h, contents))
    return {
        "aip": aip,
        "version": 1,
        "establishment": town,
        "transfer": uuid4(),
        "sha512": h(b"tar"),
        "size": 1,
        "receipts": [],
        "stored_at": TIMES[0],
        "digests": b"".join(digests),
        "leaf": group_value(digests),
        "seal": None if position is None else 1,
        "position": position,
    }


@pytest.fixture
async def seen_by(databases: Databases, tmp_path: Path) -> AsyncIterator[As]:
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")), internal_secret=SecretStr(SECRET), base_url=BASE
    )
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport())
    room.app.state.verifier = a_verifier()
    opened: list[httpx.AsyncClient] = []

    def client(role: Role, *establishments: UUID) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {a_token(role, *establishments)}"}
        opened.append(httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE, headers=headers))
        return opened[-1]

    yield client
    for one in opened:
        await one.aclose()
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


def proven(bouncycastle: BouncyCastle, folder: Path, record: bytes, content: bytes | tuple[bytes, ...]) -> list[str]:
    """Return what BouncyCastle, and openssl, have against a record."""
    trusted = folder / "root.pem"
    trusted.write_bytes(root().pem)
    return [bouncycastle.verdict(record, content, MOMENT), *openssl_faults(record, trusted, folder, MOMENT)]


async def test_the_record_of_a_package_proves_its_files(
    a_seal: ASeal, seen_by: As, bouncycastle: BouncyCastle, tmp_path: Path
) -> None:
    client = seen_by(Role.PRODUCER, a_seal.town)
    one, three = await client.get(a_seal.evidence_of(a_seal.one)), await client.get(a_seal.evidence_of(a_seal.three))

    assert (one.status_code, one.headers["content-type"]) == (200, "application/octet-stream")
    assert one.headers["content-disposition"] == f'attachment; filename="{a_seal.one}.v1.ers"'
    assert proven(bouncycastle, tmp_path, one.content, ONE[0]) == ["accepted"]
    assert proven(bouncycastle, tmp_path, three.content, THREE) == ["accepted"]
    assert [bouncycastle.verdict(three.content, each, MOMENT) for each in THREE] == ["accepted"] * 3
    assert bouncycastle.verdict(one.content, THREE, MOMENT).startswith("refused")


@pytest.mark.parametrize("number", range(3, 8))
async def test_the_record_of_a_line_proves_its_bytes(
    a_seal: ASeal, seen_by: As, bouncycastle: BouncyCastle, tmp_path: Path, number: int
) -> None:
    answer = await seen_by(Role.AUDITOR, a_seal.town).get(a_seal.evidence_of_line(number))

    assert answer.status_code == 200
    assert proven(bouncycastle, tmp_path, answer.content, a_seal.bodies[number - 1]) == ["accepted"]
    assert bouncycastle.verdict(answer.content, a_seal.bodies[number - 2], MOMENT).startswith("refused")


async def test_versions_have_records_of_their_own(a_seal: ASeal, seen_by: As, database: RoomDatabase) -> None:
    async with database.begin() as tx:
        later = a_group(a_seal.three, a_seal.town, THREE[:2], None) | {"version": 2}
        await tx.connection.execute(insert(package_group).values(later))
    client = seen_by(Role.ARCHIVIST, a_seal.town)

    first = await client.get(a_seal.evidence_of(a_seal.three), params={"version": 1})
    newest = await client.get(a_seal.evidence_of(a_seal.three))
    none = await client.get(a_seal.evidence_of(a_seal.three), params={"version": 3})

    assert (first.status_code, newest.status_code, none.status_code) == (200, 409, 404)
    assert newest.json()["code"] == "not_sealed_yet"
    assert int(newest.headers["retry-after"]) > 0


async def test_before_the_seal_has_its_token_there_is_no_evidence(
    a_seal: ASeal, seen_by: As, databases: Databases
) -> None:
    client = seen_by(Role.AUDITOR, a_seal.town)
    unsealed = [await client.get(a_seal.evidence_of_line(number)) for number in (1, 2, 8, 10)]
    await databases.as_superuser(
        """DO $$ BEGIN
           ALTER TABLE proof.seal DISABLE TRIGGER token_stays;
           UPDATE proof.seal SET token = NULL;
           ALTER TABLE proof.seal ENABLE TRIGGER token_stays;
           END $$"""
    )
    unstamped = [await client.get(path) for path in (a_seal.evidence_of(a_seal.one), a_seal.evidence_of_line(3))]

    assert [(answer.status_code, answer.json()["code"]) for answer in unsealed + unstamped] == [
        (409, "not_sealed_yet")
    ] * 6


async def test_what_is_not_theirs_or_not_there_is_not_found(a_seal: ASeal, seen_by: As) -> None:
    foreign, ours = seen_by(Role.AUDITOR, uuid4()), seen_by(Role.AUDITOR, a_seal.town)
    answers = [
        await foreign.get(a_seal.evidence_of(a_seal.one)),
        await foreign.get(a_seal.evidence_of_line(3)),
        await ours.get(a_seal.evidence_of(uuid4())),
        await ours.get("/proof/v1/aips/nobody/evidence"),
        await ours.get(a_seal.evidence_of_line(0)),
        await ours.get(a_seal.evidence_of_line(11)),
        await ours.get(a_seal.evidence_of_line(10**30)),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"not_found"}


@pytest.mark.parametrize("role", [Role.DEPOSITOR, Role.READER, Role.OPERATOR, Role.ADMINISTRATOR])
async def test_evidence_is_for_those_who_answer_for_archives(a_seal: ASeal, seen_by: As, role: Role) -> None:
    client = seen_by(role, a_seal.town)

    assert (await client.get(a_seal.evidence_of(a_seal.one))).status_code == 403
    assert (await client.get(a_seal.evidence_of_line(3))).status_code == 403


async def test_the_archive_gives_no_evidence_of_lines_that_were_changed(
    a_seal: ASeal, seen_by: As, databases: Databases
) -> None:
    await databases.as_superuser(
        """DO $$ BEGIN
           ALTER TABLE proof.line DISABLE TRIGGER line_stays;
           UPDATE proof.line SET sha512 = sha512('other'::bytea) WHERE number = 5;
           ALTER TABLE proof.line ENABLE TRIGGER line_stays;
           END $$"""
    )

    with pytest.raises(OtherLines, match="lines 3 to 7, seal 1"):
        await seen_by(Role.AUDITOR, a_seal.town).get(a_seal.evidence_of_line(3))


async def test_a_place_in_a_seal_is_for_ever(a_seal: ASeal, database: RoomDatabase) -> None:
    statements = [update(package_group).values(position=5), update(seal).values(token=b"other")]

    for statement in statements:
        with pytest.raises(Exception, match="never changed"):
            async with database.begin() as tx:
                await tx.connection.execute(statement)
    with pytest.raises(Exception, match="permission denied"):
        async with database.begin() as tx:
            await tx.connection.execute(update(seal).values(root=a_seal.bodies[0]))
