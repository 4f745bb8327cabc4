"""State the probative value of a package: everything is looked at again, now, and said with its verdict (PRV-09).

    asked ──► a piece of work ──► every copy read, METS, seal, token, receipt, lines ──► signed ──► kept

A worker does it: it has the archive's key, and time: a package of a terabyte is read for hours. Source: NF Z42-013
(*relevé de valeur probante*).
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import rfc8785

from services.proof import statement_queries as queries
from services.proof.checking import check_copies, check_group, check_receipt, check_seal, payload_of
from services.proof.domain.members import UnreadablePackage
from services.proof.domain.statements import COPY, STATEMENT_TYPE, Check, overall, unknown
from services.proof.examination import Gone, examine
from services.proof.gathering import Gatherer, PackageGone
from services.proof.group_queries import Package
from services.proof.signing.algorithms import Asn1
from services.proof.signing.port import ProofSigner
from services.proof.statement_queries import Neighbours, Subject
from shared.calls import RoomCalls, RoomUnavailable
from shared.checksums import sha512_of
from shared.clock import now, rfc3339
from shared.identity.caller import Scope
from shared.messages.journal import JournalLineV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish

STATE = "state_package"
"""Look at all of a package again; the key is the statement's id."""

STATED = "statement.made"

_ANY = Scope(None)


class Examiner:
    """Looks at all that proves a package; `anchors` are the roots of the time-stamping authorities."""

    def __init__(
        self,
        database: RoomDatabase,
        calls: RoomCalls,
        gatherer: Gatherer,
        anchors: Sequence[Asn1],
    ) -> None:
        self._database = database
        self._calls = calls
        self._gatherer = gatherer
        self._anchors = anchors

    async def examine(self, aip: UUID, version: int) -> "Found":
        """Return every check of a package. Raises `RoomUnavailable` while storage does not answer."""
        async with self._database.snapshot() as connection:
            subject = await queries.subject(connection, aip, version, _ANY)
            if subject is None:
                raise LookupError(f"aip {aip}, version {version}, is not known here")
            first = await queries.subject(connection, aip, 1, _ANY)
            seal = None if subject.seal is None else await queries.neighbours(connection, subject.seal)
            receipt = await queries.receipt_of(connection, subject.transfer)
            lines = [] if receipt is None else payload_of(receipt)["lines"]
            bodies = await queries.line_bodies(connection, [(one["journal"], one["number"]) for one in lines])
        checks = [
            *await self._on_sites(subject),
            *await check_seal(subject, seal, self._anchors),
            *check_receipt(subject, first, receipt, bodies),
        ]
        return Found(subject, seal, receipt, checks)

    async def _on_sites(self, subject: Subject) -> list[Check]:
        try:
            found = await examine(self._calls, subject.aip, subject.version)
        except Gone:
            return [unknown(COPY, ("storage", f"aip:{subject.aip}.v{subject.version}"), "gone")]
        return [*check_copies(subject, found), *check_group(subject, await self._members(subject))]

    async def _members(self, subject: Subject) -> Sequence[bytes] | None:
        try:
            return await self._gatherer.digests(Package(subject.aip, subject.version))
        except (PackageGone, UnreadablePackage, RoomUnavailable):
            # No site gives it: what each of them does say is in the checks of copies.
            return None


class Found:
    """What was found of a package."""

    def __init__(
        self, subject: Subject, seal: Neighbours | None, receipt: str | None, checks: Sequence[Check]
    ) -> None:
        self.subject = subject
        self.seal = seal
        self.receipt = receipt
        self.checks = checks
        self.verdict = overall(checks)

    def facts(self, number: UUID, *, probative: bool) -> dict[str, Any]:
        """Return the statement of it, under an id (docs/proof-format.md)."""
        subject, seal = self.subject, self.seal
        return {
            "format": "chartrier-statement/1",
            "id": str(number),
            "probative": probative and (seal is None or seal.probative),
            "at": rfc3339(now()),
            "aip": str(subject.aip),
            "version": subject.version,
            "establishment": str(subject.establishment),
            "transfer": str(subject.transfer),
            "aip_sha512": subject.sha512,
            "aip_size": subject.size,
            "group": None if subject.leaf is None else subject.leaf.hex(),
            "seal": None if seal is None else _seal(seal),
            "receipt": None if self.receipt is None else _receipt(self.receipt),
            "checks": [one.told() for one in self.checks],
            "verdict": self.verdict.value,
        }


def _seal(seal: Neighbours) -> dict[str, Any]:
    return {
        "number": seal.number,
        "at": rfc3339(seal.at),
        "root": seal.root.hex(),
        "stamped_at": None if seal.token_at is None else rfc3339(seal.token_at),
        "authority": seal.authority,
        "serial": seal.serial,
    }


def _receipt(receipt: str) -> dict[str, Any]:
    return {"sha512": sha512_of(receipt.encode()), "accepted_at": payload_of(receipt)["accepted_at"]}


class Stater:
    """Makes statements; `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted."""

    def __init__(
        self,
        database: RoomDatabase,
        hands: tuple[Examiner, ProofSigner],
        trusted_clock: Callable[[], None],
        *,
        probative: bool,
    ) -> None:
        self._database = database
        self._examiner, self._signer = hands
        self._require_clock = trusted_clock
        self._probative = probative

    async def state(self, held: Lease) -> None:
        """Make a statement that was asked for. Raises `TryAgain` while storage, or the key, is away."""
        self._require_clock()
        number = UUID(held.key)
        async with self._database.reading() as connection:
            asked = await queries.find(connection, number)
        if asked is None:
            raise AssertionError(f"statement {number} was never asked for")
        if asked.facts is None:
            await self._make(asked)
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _make(self, asked: queries.Asked) -> None:
        found = await self._examiner.examine(asked.aip, asked.version)
        facts = found.facts(asked.id, probative=self._probative)
        signed = await self._signer.sign(STATEMENT_TYPE, facts)
        async with self._database.begin() as tx:
            if await queries.make(tx.connection, asked.id, rfc8785.dumps(facts), signed):
                tx.journal(_line(asked, facts, signed))


def _line(asked: queries.Asked, facts: dict[str, Any], signed: str) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=STATED,
        actor="room:proof",
        outcome="ko" if facts["verdict"] == "ko" else "ok",
        object=f"aip:{asked.aip}",
        establishment=asked.establishment,
        details={
            "version": asked.version,
            "verdict": facts["verdict"],
            "asked_by": asked.asked_by,
            "sha512": sha512_of(signed.encode()),
        },
    )
