"""Seals: every journal and package once, under one root that the token stamps; chained, queued, never skipped."""

import hashlib
import json
from datetime import timedelta

import pytest
from asn1crypto import cms, tsp
from sqlalchemy import select

from services.proof.domain import sealing
from services.proof.domain.hash_tree import HashTree, group_value
from services.proof.domain.read_proofs import NotTheProof, read_seal
from services.proof.proof_measures import HOLED, SEAL_AGE, UNSTAMPED, measure_seals
from services.proof.stamping.errors import NobodyStamps
from services.proof.tables import package_group, sealed_journal
from shared import faults
from shared.clock import now
from shared.database.plumbing import outbox
from shared.messages.journal import JournalLinesV1
from shared.messages.proof import ProofFiledV1
from shared.messaging.outcome import TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import a_line
from tests.integration.proof.seals import Hands, Telling, a_package, behind, hands, parts_of, payload_of
from tests.servers import Databases

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("nothing_yet")]

PLATFORM = a_line(kind="events", establishment=None)
DIGESTS = [hashlib.sha512(b"%d" % number).digest() for number in range(5)]


class Died(Exception):
    """The process was killed here."""


def imprint_of(token: bytes) -> bytes:
    signed = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].contents
    imprint: bytes = tsp.TSTInfo.load(signed)["message_imprint"]["hashed_message"].native
    return imprint


async def test_the_token_stamps_the_root_over_heads_lines_and_packages(ours: Hands, tell: Telling) -> None:
    await tell(a_line(), a_line(), PLATFORM)
    aip = await a_package(ours.database, DIGESTS, now())

    await ours.seal()

    parts = parts_of(await ours.staged("seal", 1))
    heads = [json.loads(row) for row in parts["heads.ndjson"].splitlines()]
    leaves = [hashlib.sha512(parts["seal.json"]).digest()]
    for row, told in zip(parts["heads.ndjson"].splitlines(), heads, strict=True):
        leaves += [hashlib.sha512(row).digest(), bytes.fromhex(told["lines"]["root"])]
    leaves.append(group_value(DIGESTS))
    assert imprint_of(parts["token.tst"]) == HashTree(leaves).root
    assert [(told["journal"][:8], told["head"]["number"]) for told in heads] == [("archives", 2), ("events.p", 1)]
    (deposit,) = [json.loads(row) for row in parts["deposits.ndjson"].splitlines()]
    assert (deposit["aip"], deposit["members"]) == (str(aip), 5)
    assert parts["members.bin"] == b"".join(sorted(DIGESTS))
    signed = payload_of(parts["signature.jws"])
    assert signed["sha512"] == hashlib.sha512(parts["seal.json"]).hexdigest()
    assert signed["root"] == HashTree(leaves).root.hex()


async def test_unchanged_journals_are_sealed_again_and_no_package_twice(ours: Hands, tell: Telling) -> None:
    await tell(a_line(), PLATFORM)
    await a_package(ours.database, DIGESTS, now())
    await ours.seal()
    await tell(PLATFORM)

    await ours.seal()

    first, second = [read_seal(await ours.staged("seal", number), number) for number in (1, 2)]
    heads = [json.loads(row) for row in second.heads.splitlines()]
    assert next((told["head"]["number"], told["lines"] is None) for told in heads) == (1, True)
    assert json.loads(second.body)["journals"] == 2
    assert (len(first.packages), len(second.packages)) == (1, 0)
    assert second.previous is not None
    assert second.previous.sha512 == hashlib.sha512(first.body).hexdigest()


async def test_seals_name_those_of_a_month_and_of_a_year_before(ours: Hands, databases: Databases) -> None:
    for _ in range(3):
        await ours.seal()
    await databases.as_superuser(
        behind("""UPDATE proof.seal SET at = now() - CASE number WHEN 1 THEN interval '400 days'
               WHEN 2 THEN interval '40 days' ELSE interval '1 day' END""")
    )

    await ours.seal()

    told = json.loads(read_seal(await ours.staged("seal", 4), 4).body)
    named = [told[name] and told[name]["number"] for name in ("previous", "month_before", "year_before")]
    assert named == [3, 2, 1]


async def test_one_is_made_each_period_empty_days_too(ours: Hands, databases: Databases) -> None:
    """PRV-02."""
    planned = []
    for _ in range(30):
        planned.append(await ours.sealer.seal_due(ours.database))
        assert await ours.sealer.seal_due(ours.database) == 0
        await databases.as_superuser(behind("UPDATE proof.seal SET at = at - interval '24 hours'"))

    assert planned == [1] * 30
    assert await ours.stamp() == 30


async def test_while_no_authority_answers_seals_wait_and_none_is_skipped(
    ours: Hands, databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PRV-11."""

    async def nobody(*_: object) -> None:
        raise NobodyStamps("none of 2 time-stamping authorities")

    with monkeypatch.context() as outage:
        outage.setattr(ours.sealer._stamper, "stamp", nobody)  # noqa: SLF001 (authorities have their own tests)
        for _ in range(2):
            await ours.sealer.seal_due(ours.database)
            await databases.as_superuser(behind("UPDATE proof.seal SET at = at - interval '25 hours'"))
        with pytest.raises(TryAgain):
            await ours.stamp()
    await measure_seals(ours.database)
    assert UNSTAMPED._value.get() >= 25 * 3600  # noqa: SLF001 (as it is shown)
    await databases.as_superuser(behind("UPDATE proof.work SET leased_until = NULL, not_before = now()"))

    await ours.stamp()

    await measure_seals(ours.database)
    assert UNSTAMPED._value.get() == 0  # noqa: SLF001 (as it is shown)
    assert SEAL_AGE._value.get() < 3600  # noqa: SLF001 (as it is shown)
    assert [read_seal(await ours.staged("seal", number), number).number for number in (1, 2)] == [1, 2]


@pytest.mark.parametrize(
    "place", ["proof.seal.planned", "proof.seal.stamped", "proof.seal.noted", "proof.file.staged", "proof.file.told"]
)
async def test_whatever_dies_the_seal_leaves_once(
    ours: Hands, databases: Databases, tell: Telling, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(a_line())
    await a_package(ours.database, DIGESTS, now())

    def strike(name: str) -> None:
        if name == place:
            raise Died

    with monkeypatch.context() as patched:
        patched.setattr(faults, "strike", strike)
        with pytest.raises(Died):
            await ours.seal()
    await databases.as_superuser(behind("UPDATE proof.work SET leased_until = NULL, not_before = now()"))

    await ours.sealer.seal_due(ours.database)
    await ours.stamp()

    async with ours.database.reading() as connection:
        bodies = list(await connection.scalars(select(outbox.c.body).where(outbox.c.topic == ProofFiledV1.topic)))
        lines = list(await connection.scalars(select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic)))
    (message,) = [ProofFiledV1.model_validate_json(body) for body in bodies]
    assert (await ours.staging.sha512(message.staging_key)).sha512 == message.sha512
    assert len(lines) == 1
    assert len(read_seal(await ours.staged("seal", 1), 1).packages) == 1


LACKING = behind("DELETE FROM proof.line WHERE number = 2")
CUT = behind(
    """DELETE FROM proof.line WHERE number > 1;
    UPDATE proof.journal SET number = 1, sha512 = (SELECT sha512 FROM proof.line WHERE number = 1)"""
)


async def test_a_journal_that_lacks_lines_is_not_sealed_over(
    ours: Hands, tell: Telling, databases: Databases
) -> None:
    await tell(a_line(), a_line(), a_line(), PLATFORM)
    await databases.as_superuser(LACKING)

    await ours.seal()

    read = read_seal(await ours.staged("seal", 1), 1)
    assert [json.loads(row)["lines"] is None for row in read.heads.splitlines()] == [True, False]
    await measure_seals(ours.database)
    assert HOLED._value.get() == 1  # noqa: SLF001 (as it is shown)
    async with ours.database.reading() as connection:
        bodies = await connection.scalars(select(outbox.c.body).where(outbox.c.topic == JournalLinesV1.topic))
        told = [line for body in bodies for line in JournalLinesV1.model_validate_json(body).lines]
    assert [line.details["head"] for line in told if line.action == "seal.lines_missing"] == [3]


async def test_a_journal_that_was_cut_behind_its_seal_is_told_of(
    ours: Hands, tell: Telling, databases: Databases
) -> None:
    await tell(a_line(), a_line(), a_line())
    await ours.seal()
    await databases.as_superuser(CUT)

    await ours.seal()

    await measure_seals(ours.database)
    assert HOLED._value.get() == 1  # noqa: SLF001 (as it is shown)


async def test_a_backlog_comes_under_several_seals(ours: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "MOST_PACKAGES", 2)
    for _ in range(5):
        await a_package(ours.database, DIGESTS, now())

    assert await ours.sealer.seal_due(ours.database) == 3
    await ours.stamp()
    assert [len(read_seal(await ours.staged("seal", number), number).packages) for number in (1, 2, 3)] == [2, 2, 1]


async def test_no_seal_while_the_clock_is_not_to_be_trusted(database: RoomDatabase, staging: FilesystemStore) -> None:
    """PRV-10."""

    def untrusted() -> None:
        raise TryAgain("the clock is 12 s ahead")

    with pytest.raises(TryAgain):
        await hands(database, staging, untrusted).sealer.plan()


async def test_what_a_seal_covers_is_noted(ours: Hands, tell: Telling) -> None:
    await tell(a_line(), a_line())
    await a_package(ours.database, DIGESTS, now() - timedelta(hours=1))
    await ours.seal()

    async with ours.database.reading() as connection:
        lines = (await connection.execute(select(sealed_journal))).one()
        package = (await connection.execute(select(package_group))).one()
    assert (lines.seal, lines.position, lines.first, lines.last, lines.head_number) == (1, 1, 1, 2, 2)
    assert (package.seal, package.position) == (1, 3)


async def test_a_seal_of_which_a_byte_was_changed_is_none(ours: Hands, tell: Telling) -> None:
    await tell(a_line())
    await a_package(ours.database, DIGESTS, now())
    await ours.seal()
    content = bytearray(await ours.staged("seal", 1))
    at = content.index(min(DIGESTS))
    content[at] ^= 1

    with pytest.raises(NotTheProof):
        read_seal(bytes(content), 1)
