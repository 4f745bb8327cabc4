"""Years that go by in a test: the room's own hands, a clock, a time-stamper whose certificates end."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from asn1crypto.x509 import Certificate

from chartrier_client.verifying.verify import Asked, verify
from services.proof import sealing
from services.proof.algorithms import ALWAYS, Algorithms
from services.proof.domain.evidence_record import evidence_record
from services.proof.domain.proofs import staging_key
from services.proof.evidence import chains_of, chains_of_line
from services.proof.filing import Filer
from services.proof.renewal_calendar import Calendar
from services.proof.renewal_container import renewal_content
from services.proof.renewing import STAMP, Renewer
from services.proof.rereading import READ, Rereader
from services.proof.sealing import Sealer, seal_content
from services.proof.signing import development
from services.proof.signing.opening import open_signer
from services.proof.stamping.builtin import BuiltinAuthority
from services.proof.stamping.fetching import Fetcher
from services.proof.stamping.stamper import Stamper
from services.proof.tree_renewing import TreeRenewer
from shared.clock import now
from shared.messages.proof import ProofKind
from shared.messaging.lease import Lane, Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import lease
from shared.object_store.filesystem import FilesystemStore
from tests.builders.pki import pem_of
from tests.integration.proof.seals import read

MARGIN = timedelta(days=180)
LASTS = timedelta(days=4 * 365)
"""How long a time-stamper has its certificate."""

NEVER_FALLS = Algorithms(
    dict.fromkeys(("sha256", "sha384", "sha512", "sha3_512"), ALWAYS),
    {"ec": [(256, ALWAYS)], "rsa": [(2048, ALWAYS)]},
    "sha384",
)


class Time:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = now()

    def __call__(self) -> datetime:
        """Return the time; each reading a little later, so that what follows comes after."""
        self.now += timedelta(milliseconds=2)
        return self.now

    def goes_to(self, year: int, month: int = 1) -> None:
        """Go to the beginning of a month."""
        self.now = datetime(year, month, 1, 3, tzinfo=UTC)


@dataclass
class Years:
    """Proof over many years."""

    database: RoomDatabase
    staging: FilesystemStore
    monkeypatch: pytest.MonkeyPatch
    algorithms: Algorithms = NEVER_FALLS
    time: Time = field(default_factory=Time)

    def __post_init__(self) -> None:
        self.monkeypatch.setattr(sealing, "now", self.time)
        self.signer = open_signer("development:")
        self.monkeypatch.setattr(development, "LASTS", LASTS)
        self.monkeypatch.setattr(development, "now", self.time)
        self.authorities: list[BuiltinAuthority] = []
        self.filer = Filer(
            self.database,
            self.staging,
            {
                "seal": partial(seal_content, self.database),
                "renewal": partial(renewal_content, self.database),
            },
        )
        self.new_certificate()

    def new_certificate(self) -> None:
        """Have the time-stamper come by a key and certificate from today on."""
        self.authorities.append(BuiltinAuthority(clock=self.time))
        self.stamped_by(self.authorities[-1])

    def stamped_by(self, *authorities: BuiltinAuthority) -> None:
        """Ask these from now on."""
        stamper = Stamper(authorities, Fetcher(), clock=self.time)
        hands = (self.signer, stamper, self.filer)
        self.sealer = Sealer(self.database, hands, lambda: None, timedelta(days=1), probative=False)
        self.calendar = Calendar(self.algorithms, MARGIN, self.time)
        self.renewer = Renewer(self.database, hands, self.calendar, (lambda: None, self.time), probative=False)
        self.trees = TreeRenewer(self.database, self.renewer, 100, self.time)

    def falls(self, algorithm: str, at: datetime) -> None:
        """Note that an algorithm falls."""
        self.algorithms = replace(self.algorithms, digests={**self.algorithms.digests, algorithm: at})
        self.calendar.algorithms = self.algorithms

    async def seal(self) -> int:
        """Make a seal, whole; return its number."""
        planned = await self.sealer.plan()
        assert planned is not None
        for held in await lease(self.database, [sealing.STAMP], 100):
            await self.sealer.finish(held)
        return planned.number

    async def leased(self, kind: str = STAMP) -> list[Lease]:
        """Take the work there is of a kind."""
        return await lease(self.database, [kind], 100)

    async def renew(self) -> int:
        """Renew the tokens that are due, whole; return how many renewals there were."""
        planned = await self.renewer.renew_due(self.database)
        for held in await self.leased():
            await self.renewer.finish(held)
        return planned

    async def renew_trees(self, rereader: Rereader) -> None:
        """Do what there is to do of campaigns, until nothing is left."""
        while await self.trees.renew_due(self.database):
            for held in await lease(self.database, [READ], 100, lane=Lane.BACKGROUND):
                await rereader.read(held)
            for held in await self.leased():
                await self.renewer.finish(held)

    async def staged(self, kind: ProofKind, number: int) -> bytes:
        """Return a proof as it lies in staging."""
        return await read(self.staging, staging_key(kind, number))

    async def record_of(self, aip: UUID, version: int = 1) -> bytes:
        """Return the evidence record of a version of a package."""
        async with self.database.reading() as connection:
            chains = await chains_of(connection, aip, version)
        assert chains is not None
        return evidence_record(chains)

    async def record_of_line(self, journal: int, number: int) -> bytes:
        """Return the evidence record of a line."""
        async with self.database.reading() as connection:
            chains = await chains_of_line(connection, journal, number)
        assert chains is not None
        return evidence_record(chains)

    def trusted(self, folder: Path) -> Path:
        """Return a file of the roots of all time-stampers, and of our own."""
        file = folder / "roots.pem"
        anchors = [one for each in self.authorities for one in each.anchors]
        file.write_bytes(pem_of([*anchors, *map(Certificate.load, self.signer.certificates)]))
        return file

    def judged(
        self, folder: Path, at: datetime, files: Mapping[str, bytes], record: bytes | None = None
    ) -> set[tuple[str, str]]:
        """Return what the client has against files, but that nobody published what was revoked."""
        paths = []
        for name, content in {**files, **({} if record is None else {"record.ers": record})}.items():
            paths.append(folder / "given" / name)
            paths[-1].parent.mkdir(exist_ok=True)
            paths[-1].write_bytes(content)
        given = paths if record is None else paths[:-1]
        records = [] if record is None else paths[-1:]
        report = verify(Asked(given, at, [self.trusted(folder)], records, None))
        found = {(check.what, check.reason) for check in report.unproven()}
        return {(what, reason) for what, reason in found if "revocation" not in what}
