"""Issue attestations: what can be attested is looked at anew, set as a page, signed, and kept as it was given.

asked ──► a piece of work ──► facts (every copy read) ──► PDF/A ──► signed and stamped ──► kept
└──► refused: a copy is not whole, or a site does not answer (DEP-04)
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.proof import attestation_queries as queries
from services.proof.attestation_queries import Attestation
from services.proof.attestations import facts
from services.proof.attestations.facts import Facts
from services.proof.attestations.rendering import rendered
from services.proof.attestations.sealing_pdf import PdfSealer
from services.proof.checking import payload_of
from services.proof.domain.attestations import Kind, Refused
from services.proof.signing.port import ProofSigner
from services.proof.stating import Examiner, Found
from shared.checksums import sha512_of
from shared.clock import now, to_the_millisecond
from shared.identity.caller import Scope
from shared.messages.journal import JournalLineV1
from shared.messages.storage import AipPurgedV1
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import finish

ATTEST = "attest"
"""Issue an attestation; the key is its id."""

ISSUED = "attestation.issued"
REFUSED = "attestation.refused"

_ANY = Scope(None)


async def take_purges(tx: Transaction, messages: Sequence[AipPurgedV1]) -> None:
    """Note what was eliminated, for whoever asks for an attestation of it."""
    await queries.note_purges(tx.connection, messages)


class Attestor:
    """Issues attestations; `trusted_clock` raises `TryAgain` while this machine's clock is not to be trusted."""

    def __init__(
        self,
        database: RoomDatabase,
        hands: tuple[Examiner, ProofSigner, PdfSealer],
        trusted_clock: Callable[[], None],
        *,
        probative: bool,
    ) -> None:
        self._database = database
        self._examiner, self._signer, self._sealer = hands
        self._require_clock = trusted_clock
        self._probative = probative

    async def attest(self, held: Lease) -> None:
        """Issue an attestation that was asked for, or refuse it. Raises `TryAgain` while somebody needed is away."""
        self._require_clock()
        async with self._database.reading() as connection:
            asked = await queries.find(connection, UUID(held.key))
        if asked is None:
            raise AssertionError(f"attestation {held.key} was never asked for")
        if not asked.is_over:
            try:
                await self._issue(asked)
            except Refused as refused:
                await self._refuse(asked, refused)
        async with self._database.begin() as tx:
            await finish(tx, held)

    async def _issue(self, asked: Attestation) -> None:
        await self._signer.open()
        own, probative = await self._own(asked)
        at = to_the_millisecond(now())
        certificate = self._signer.certificates[0]
        said = {**facts.common(asked, at, certificate, probative=self._probative and probative), **own}
        pdf = await self._sealer.sealed(await rendered(asked.kind.value, said, at))
        await self._keep(asked, said, pdf, at)

    async def _own(self, asked: Attestation) -> tuple[Facts, bool]:
        """Return the facts of its kind, and whether all that they come from is probative."""
        match asked.kind:
            case Kind.DEPOSIT:
                found = await self._examiner.examine(asked.aip, asked.version)
                return facts.of_deposit(found), _receipt_is_probative(found)
            case Kind.INTEGRITY:
                found = await self._examiner.examine(asked.aip, asked.version)
                probative = found.seal is not None and found.seal.probative and _receipt_is_probative(found)
                return facts.of_integrity(found, now(), str(asked.id)), probative
            case Kind.ELIMINATION:
                return await self._of_elimination(asked), True
            case Kind.COMMUNICATION:
                return await self._of_communication(asked), True

    async def _of_elimination(self, asked: Attestation) -> Facts:
        async with self._database.reading() as connection:
            purged = await queries.purged(connection, _ANY, asked.aip, UUID(asked.subject))
            versions = await queries.versions(connection, _ANY, asked.aip)
        if purged is None:
            raise AssertionError(f"order {asked.subject} was not carried out")
        return facts.of_elimination(purged, versions)

    async def _of_communication(self, asked: Attestation) -> Facts:
        name, _, number = asked.subject.rpartition("#")
        async with self._database.reading() as connection:
            line = await queries.line_of(connection, name, int(number))
            versions = await queries.versions(connection, _ANY, asked.aip)
        version = None if line is None else facts.version_communicated(line, versions)
        if line is None or version is None:
            raise AssertionError(f"{asked.subject} tells of no communication of {asked.aip}")
        return facts.of_communication(line, version)

    async def _keep(self, asked: Attestation, said: Mapping[str, Any], pdf: bytes, at: datetime) -> None:
        async with self._database.begin() as tx:
            if await queries.issue(tx.connection, asked.id, said, pdf, at):
                tx.journal(_line(ISSUED, asked, {"sha512": sha512_of(pdf)}))

    async def _refuse(self, asked: Attestation, refused: Refused) -> None:
        async with self._database.begin() as tx:
            await queries.refuse(tx.connection, asked.id, refused)
            line = _line(REFUSED, asked, {"reason": refused.why.value, "checks": len(refused.checks)})
            tx.journal(line.model_copy(update={"outcome": "ko"}))


def _receipt_is_probative(found: Found) -> bool:
    receipt = found.receipt
    return receipt is not None and bool(payload_of(receipt)["probative"])


def _line(action: str, asked: Attestation, details: Mapping[str, str | int]) -> JournalLineV1:
    return JournalLineV1(
        kind="archives",
        action=action,
        actor="room:proof",
        object=f"aip:{asked.aip}",
        establishment=asked.establishment,
        details={"attestation": str(asked.id), "kind": asked.kind.value, "asked_by": asked.asked_by, **details},
    )
