"""What proof makes, verified by the client: written by others, from the page on the form of proofs alone."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from sqlalchemy import select

from chartrier_client.verifying.checks import Report, Verdict
from chartrier_client.verifying.verify import Asked, verify
from services.proof.domain.evidence_record import Stamp, evidence_record
from services.proof.domain.hash_tree import HashTree
from services.proof.tables import line
from shared.clock import now
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import a_line
from tests.integration.proof.seals import EMPTY, Hands, Telling, a_package, hands, parts_of, payload_of
from tests.servers import Databases

pytestmark = pytest.mark.integration

PLATFORM = a_line(kind="events", establishment=None)
DIGESTS = [hashlib.sha512(b"%d" % number).digest() for number in range(5)]


@pytest.fixture
async def ours(databases: Databases, database: RoomDatabase, tmp_path: Path) -> AsyncIterator[Hands]:
    await databases.as_superuser(EMPTY)
    staging = FilesystemStore(tmp_path / "staging")
    await staging.prepare()
    yield hands(database, staging)
    await staging.close()


async def journals(database: RoomDatabase) -> dict[str, bytes]:
    """Return each journal as one container."""
    found: dict[str, list[bytes]] = {}
    async with database.reading() as connection:
        for row in await connection.execute(select(line).order_by(line.c.number)):
            body = bytes(row.body) if not isinstance(row.body, str) else row.body.encode()
            found.setdefault(str(row.journal), []).append(body + b"\n")
    return {name: b"".join(rows) for name, rows in found.items()}


def verified(folder: Path, files: dict[str, bytes]) -> Report:
    """Verify a folder, trusting the development keys that made what is in it."""
    (folder / "given").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "given" / name).write_bytes(content)
    return verify(Asked([folder / "given"], now() + timedelta(seconds=10), [folder / "roots.pem"]))


async def test_the_client_finds_valid_what_proof_makes(ours: Hands, consumer: Consumer, tmp_path: Path) -> None:
    tell = Telling(consumer)
    await tell(a_line(), a_line(), PLATFORM)
    await a_package(ours.database, DIGESTS, now())
    await ours.anchorer.anchor()
    await ours.seal()
    await tell(a_line(), PLATFORM)
    await ours.anchorer.anchor()
    await ours.seal()
    await tell(a_line())
    await ours.anchorer.anchor()

    files = {f"anchor-{number}.jws": await ours.staged("anchor", number) for number in (1, 2, 3)}
    files |= {f"seal-{number}.tar": await ours.staged("seal", number) for number in (1, 2)}
    files |= {f"journal-{name}.ndjson": content for name, content in (await journals(ours.database)).items()}
    (tmp_path / "roots.pem").write_bytes(roots_of(ours))
    report = verified(tmp_path, files)

    unproven = [(check.what, check.target, check.value, check.reason) for check in report.unproven()]
    # The authority within keeps no lists of what it revoked: this alone is not known.
    assert {(what, reason) for what, _, _, reason in unproven} <= {
        ("certificate.revocation", "no_revocation_data")
    }, unproven
    assert report.verdict is not Verdict.INVALID
    assert report.probative is False
    well = {check.what for check in report.checks if not check.reason}
    assert {"chain", "journal.head", "journal.sealed", "anchor.seal", "seal.anchor", "token.imprint"} <= well


def roots_of(ours: Hands) -> bytes:
    """Return the roots of the key and of the authority in memory."""
    signer = ours.sealer._signer  # noqa: SLF001 (keys in memory are known to nobody else)
    (authority,) = ours.sealer._stamper._authorities  # noqa: SLF001
    ders = [signer.certificates[-1], *(each.dump() for each in authority.anchors)]
    return b"".join(pem.armor("CERTIFICATE", der) for der in ders)


async def test_a_record_of_a_seal_proves_the_seal(ours: Hands, consumer: Consumer, tmp_path: Path) -> None:
    await Telling(consumer)(a_line())
    await ours.seal()
    (tmp_path / "roots.pem").write_bytes(roots_of(ours))
    content = await ours.staged("seal", 1)
    parts = parts_of(content)
    row = parts["heads.ndjson"].splitlines()[0]
    body = hashlib.sha512((next(iter((await journals(ours.database)).values()))).splitlines()[0]).digest()
    leaf = hashlib.sha512(parts["seal.json"]).digest()
    tree = HashTree([leaf, hashlib.sha512(row).digest(), body])
    assert tree.root.hex() == payload_of(parts["signature.jws"])["root"]
    stamp = Stamp("sha512", ((leaf,), *tree.path(0)), parts["token.tst"])

    report = verified(tmp_path, {"seal.json": parts["seal.json"], "record.der": evidence_record([[stamp]])})

    assert "record.group_complete" in {check.what for check in report.checks if not check.reason}
    assert report.verdict is not Verdict.INVALID
