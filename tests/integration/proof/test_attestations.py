"""Attestations: issued only over copies read whole at that moment, signed so that programs of others believe them."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from sqlalchemy import text

from chartrier_client.verifying.verify import Asked, verify
from services.local.postgres import Postgres
from services.proof.attestations.sealing_pdf import PdfSealer
from services.proof.attestations_api import attestation_routes
from services.proof.attesting import ATTEST, Attestor, take_purges
from services.proof.group_queries import Package
from shared.clock import now
from shared.identity.rights import Role
from shared.messages.storage import AipPurgedV1
from shared.messaging.outcome import TryAgain
from shared.messaging.work import lease
from shared.object_store.errors import StoreUnavailable
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.builders.journal import a_line
from tests.integration.proof.witness_stand import AIP, Stand, a_stand
from tests.integration.storage.depot import spoil
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof", "storage"))


@dataclass
class Notary:
    """Attestations over a stand; what is asked for is made when a test says so."""

    stand: Stand
    patience: float = 0.0

    @property
    def attestor(self) -> Attestor:
        ours = self.stand.ours
        hands = (self.stand.examiner, ours.signer, PdfSealer(ours.signer, ours.stamper))
        return Attestor(self.stand.database, hands, lambda: None, probative=False)

    def client(self, role: Role = Role.PRODUCER, town: UUID | None = None) -> httpx.AsyncClient:
        routes = attestation_routes(self.stand.database, self.patience)
        app = room_app("proof", routes, a_verifier(), Readiness("proof"), nothing)
        headers = {"Authorization": f"Bearer {a_token(role, town or self.stand.town)}", "Accept-Language": "fr"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers)

    async def get(self, kind: str, **more: object) -> httpx.Response:
        async with self.client() as http:
            return await http.get(f"/proof/v1/aips/{AIP}/attestation", params={"kind": kind, **more})  # type: ignore[dict-item]

    async def work(self) -> int:
        held = await lease(self.stand.database, [ATTEST], 10)
        for one in held:
            await self.attestor.attest(one)
        return len(held)

    async def asked(self, kind: str, **more: object) -> httpx.Response:
        """Ask, have it made, and fetch it where it was said to be."""
        promised = await self.get(kind, **more)
        if promised.status_code != 202:
            return promised
        assert await self.work() == 1
        async with self.client() as http:
            return await http.get(promised.headers["location"])


async def nothing() -> None: ...


@pytest.fixture
async def stand(databases: Databases, tmp_path: Path) -> AsyncIterator[Stand]:
    async with a_stand(databases, tmp_path) as stand:
        await stand.prove()
        yield stand


@pytest.fixture
def notary(stand: Stand) -> Notary:
    return Notary(stand)


def roots(stand: Stand) -> list[Any]:
    """The development root of the key, and that of the built-in time-stamper."""
    key = stand.ours.signer.certificates[-1]
    return [*stand.ours.stamper.anchors, x509.Certificate.load(key)]


async def lines(stand: Stand, action: str) -> list[Mapping[str, Any]]:
    query = text("SELECT convert_from(body, 'UTF8')::jsonb -> 'lines' FROM outbox WHERE topic = 'journal.lines.v1'")
    async with stand.database.reading() as connection:
        rows = (await connection.scalars(query)).all()
    return [line for row in rows for line in row if line["action"] == action]


async def test_a_deposit_is_attested_once_and_given_again_the_same(notary: Notary, stand: Stand) -> None:
    first = await notary.asked("deposit")
    again = await notary.get("deposit")

    assert (first.status_code, first.headers["content-type"]) == (200, "application/pdf")
    assert again.content == first.content
    (line,) = await lines(stand, "attestation.issued")
    assert line["details"]["sha512"] == hashlib.sha512(first.content).hexdigest()
    assert line["details"]["kind"] == "deposit"
    assert len(await lines(stand, "attestation.communicated")) == 2


async def test_an_attestation_of_integrity_is_of_its_moment_and_kept(notary: Notary) -> None:
    first = await notary.asked("integrity")
    second = await notary.asked("integrity")
    async with notary.client() as http:
        again = await http.get(first.headers["content-location"])

    assert {one.status_code for one in (first, second, again)} == {200}
    assert again.content == first.content
    assert second.content != first.content


async def test_two_who_ask_for_one_share_it(notary: Notary) -> None:
    promised = [await notary.get("integrity"), await notary.get("integrity"), await notary.get("deposit")]

    assert len({one.headers["location"] for one in promised}) == 2
    assert await notary.work() == 2


@pytest.mark.parametrize("kind", ["deposit", "integrity"])
async def test_while_a_site_is_away_nothing_is_attested(
    notary: Notary, stand: Stand, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it hangs")

    with monkeypatch.context() as patched:
        patched.setattr(stand.depot.sites["b"].store, "sha512", away)
        refused = await notary.asked(kind)
    assert (refused.status_code, refused.json()["code"]) == (503, "copies_unreadable")
    assert [one["source"] for one in refused.json()["checks"]] == ["site:b"]
    assert await lines(stand, "attestation.issued") == []
    assert len(await lines(stand, "attestation.refused")) == 1

    # It is back: whoever asks again is given one.
    assert (await notary.asked(kind)).status_code == 200


@pytest.mark.parametrize("kind", ["deposit", "integrity"])
async def test_over_an_altered_copy_nothing_is_attested(notary: Notary, stand: Stand, kind: str) -> None:
    spoil(await stand.path_of("b"))

    refused = await notary.asked(kind)

    assert (refused.status_code, refused.json()["code"]) == (409, "copies_not_whole")
    assert [(one["check"], one["source"]) for one in refused.json()["checks"]] == [("copy.digest", "site:b")]


async def test_before_receipt_and_seal_there_is_nothing_to_attest(databases: Databases, tmp_path: Path) -> None:
    async with a_stand(databases, tmp_path) as stand:
        notary = Notary(stand)
        assert (await notary.asked("deposit")).status_code == 404
        await stand.gather()
        assert (await notary.asked("deposit")).json()["code"] == "receipt_not_ready"
        await stand.accept()
        # A deposit needs no seal: its receipt and its copies are what binds the archive.
        assert (await notary.asked("deposit")).status_code == 200
        assert (await notary.asked("integrity")).json()["code"] == "not_sealed_yet"


async def test_while_the_authorities_are_away_it_waits(
    notary: Notary, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TryAgain("nobody stamps")

    promised = await notary.get("deposit")
    (held,) = await lease(stand.database, [ATTEST], 10)
    with monkeypatch.context() as patched:
        patched.setattr(stand.ours.stamper, "stamp", away)
        with pytest.raises(TryAgain):
            await notary.attestor.attest(held)
    async with notary.client() as http:
        assert (await http.get(promised.headers["location"])).status_code == 202
        await notary.attestor.attest(held)
        assert (await http.get(promised.headers["location"])).status_code == 200


async def eliminated(stand: Stand) -> AipPurgedV1:
    message = AipPurgedV1(
        order_id=uuid4(),
        establishment=stand.town,
        aip_id=AIP,
        transfer_id=stand.told.transfer_id,
        version=None,
        units=(),
        copies=2,
        size=2 * stand.told.size,
        list_sha512="ab" * 64,
        visa_sha512="cd" * 64,
        purged_at=now(),
    )
    async with stand.database.begin() as tx:
        await take_purges(tx, [message])
        await take_purges(tx, [message])
    return message


async def test_an_elimination_is_attested_after_it_was_carried_out(notary: Notary, stand: Stand) -> None:
    assert (await notary.get("elimination")).json()["code"] == "nothing_to_attest"
    message = await eliminated(stand)

    given = await notary.asked("elimination")

    assert given.status_code == 200
    assert (await notary.get("elimination", order=message.order_id)).content == given.content
    assert (await notary.get("elimination", order=uuid4())).json()["code"] == "nothing_to_attest"


async def test_a_communication_is_attested_by_its_line(notary: Notary, stand: Stand) -> None:
    member = (await stand.gatherer.digests(Package(AIP, 1)))[0].hex()
    told = a_line("content.communicated", establishment=stand.town, details={"sha512": member})
    other = a_line("content.communicated", establishment=stand.town, details={"sha512": "ab" * 64})
    await stand.tell(told, other)

    given = await notary.asked("communication", line=3)

    assert given.status_code == 200
    assert (await notary.get("communication", line=3)).content == given.content
    for wrong in (1, 4, 99):
        assert (await notary.get("communication", line=wrong)).json()["code"] == "nothing_to_attest"


async def test_they_are_for_those_who_may_have_evidence(notary: Notary) -> None:
    given = await notary.asked("deposit")
    places = (f"/proof/v1/aips/{AIP}/attestation?kind=deposit", given.headers["content-location"])
    for kind in ("deposit", "integrity", "elimination", "communication"):
        async with notary.client(Role.AUDITOR, uuid4()) as http:
            assert (await http.get(f"/proof/v1/aips/{AIP}/attestation?kind={kind}")).status_code == 404
    async with notary.client(Role.AUDITOR, uuid4()) as http:
        assert [(await http.get(place)).status_code for place in places] == [404, 404]
    async with notary.client(Role.READER) as http:
        assert [(await http.get(place)).status_code for place in places] == [403, 403]
    async with notary.client() as http:
        other = given.headers["content-location"].replace("kind=deposit", "kind=integrity")
        assert (await http.get(other)).status_code == 404


def assert_pdf_a(reader: PdfFileReader) -> None:
    xmp = reader.root["/Metadata"].data.decode()
    assert "<pdfaid:part>2</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    intent = reader.root["/OutputIntents"][0]
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"].data[36:40] == b"acsp"  # an ICC profile


async def test_it_is_pdf_a_certified_stamped_and_breaks_with_any_byte(
    notary: Notary, stand: Stand, tmp_path: Path
) -> None:
    await eliminated(stand)
    trust = tmp_path / "roots.pem"
    trust.write_bytes(b"".join(pem(one) for one in roots(stand)))
    for kind in ("deposit", "integrity", "elimination"):
        pdf = (await notary.asked(kind)).content
        reader = PdfFileReader(io.BytesIO(pdf))
        assert_pdf_a(reader)
        (signature,) = reader.embedded_regular_signatures
        assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
        status = await validated(signature, roots(stand))
        assert (status.intact, status.valid, status.trusted) == (True, True, True)
        assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
        assert status.modification_level is ModificationLevel.NONE
        assert signature.docmdp_level is MDPPerm.NO_CHANGES
        assert status.timestamp_validity.intact
        assert status.timestamp_validity.valid

        file = tmp_path / f"{kind}.pdf"
        file.write_bytes(pdf)
        report = await asyncio.to_thread(verify, Asked([file], now(), [trust]))
        assert {"pdf.signature", "pdf.coverage", "token.imprint"} <= {one.what for one in report.checks}
        assert [one for one in report.checks if one.outcome == "failed"] == []

        begin, _, _, _ = signature.byte_range
        place = len(pdf) // 3
        assert begin == 0
        file.write_bytes(pdf[:place] + bytes([pdf[place] ^ 1]) + pdf[place + 1 :])
        broken = await asyncio.to_thread(verify, Asked([file], now(), [trust]))
        assert broken.verdict == "invalid"


async def validated(signature: Any, trusted: list[Any]) -> Any:  # noqa: ANN401 (pyHanko publishes no types)
    context = ValidationContext(trust_roots=trusted, allow_fetching=False)
    return await async_validate_pdf_signature(signature, context, context)


def pem(certificate: Any) -> bytes:  # noqa: ANN401 (asn1crypto)
    return load_der_x509_certificate(certificate.dump()).public_bytes(Encoding.PEM)


async def test_nobody_changes_one(notary: Notary, stand: Stand) -> None:
    await notary.asked("deposit")

    with pytest.raises(Exception, match="never changed"):
        async with stand.database.begin() as tx:
            await tx.connection.execute(text("UPDATE attestation SET pdf = ''"))
    with pytest.raises(Exception, match="permission denied"):
        async with stand.database.begin() as tx:
            await tx.connection.execute(text("DELETE FROM attestation"))
