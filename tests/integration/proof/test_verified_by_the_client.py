"""What proof makes, verified by the client: written by others, from the page on the form of proofs alone."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from asn1crypto import pem
from sqlalchemy import select

from chartrier_client.verifying.checks import Report, Verdict
from chartrier_client.verifying.verify import Asked, verify
from services.proof.domain.evidence_record import evidence_record
from services.proof.evidence import chains_of, chains_of_line
from services.proof.tables import line
from shared.clock import now
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.builders.journal import a_line
from tests.integration.proof.seals import EMPTY, Hands, Telling, a_package, hands
from tests.servers import Databases
from tests.unit.client.test_verifying_packages import AIP, IDENTIFIER, files_of

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


async def test_the_client_finds_proven_what_records_are_given_for(
    ours: Hands, consumer: Consumer, tmp_path: Path
) -> None:
    await Telling(consumer)(a_line(), a_line(), a_line())
    aip = UUID(IDENTIFIER)
    members = sorted({hashlib.sha512(content).digest() for content in files_of(AIP).values()})
    await a_package(ours.database, members, now(), aip)
    await ours.seal()
    (tmp_path / "roots.pem").write_bytes(roots_of(ours))

    files = {"aip.tar": AIP, "seal.tar": await ours.staged("seal", 1)}
    async with ours.database.reading() as connection:
        of_package = await chains_of(connection, aip, 1)
        of_line = await chains_of_line(connection, await connection.scalar(select(line.c.journal)) or 0, 2)
    assert of_package
    assert of_line
    files |= {"aip.v1.ers": evidence_record(of_package), "line.2.ers": evidence_record(of_line)}
    files |= {f"{name}.ndjson": content for name, content in (await journals(ours.database)).items()}
    report = verified(tmp_path, files)

    assert {check.reason for check in report.unproven()} <= {"no_revocation_data"}
    complete = [check.target for check in report.checks if check.what == "record.group_complete"]
    assert [target.partition(" ")[0] for target in complete] == ["line.2.ers", "aip.v1.ers"]
    assert "package.sealed" in {check.what for check in report.checks if not check.reason}
