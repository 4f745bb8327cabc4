"""A deposit under an agreement that asks for signatures: from the operator's anchors to the report in the AIP."""

import json
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from services.ingest.domain.transfer import TransferState
from shared.messages.ingest import SipRejectedV1
from shared.messaging.outcome import TryAgain
from tests.builders import pki
from tests.builders.signed_pdfs import a_pdf, sign_pdf
from tests.builders.sips import AFile, ASip, AUnit
from tests.integration.ingest.bench import Bench

pytestmark = pytest.mark.integration

SIGNED = sign_pdf(a_pdf())
ALTERED = SIGNED.replace(b"/MediaBox", b"/MediaBux")


@pytest.fixture
def trusting(bench: Bench) -> Bench:
    """The same bench, whose operator has set anchors."""
    settings = bench.ingest.settings.model_copy(update={"signature_trust": pki.trust_folder(bench.folder / "trust")})
    return replace(bench, ingest=replace(bench.ingest, settings=settings))


def sip_of(*contents: bytes) -> ASip:
    files = tuple(AFile(f"Content/acte-{number}.pdf", content) for number, content in enumerate(contents))
    return ASip(files, tuple(AUnit(f"Acte {number}", files=(number,)) for number in range(len(files))))


async def report_of(bench: Bench, key: str) -> dict[str, Any]:
    with tarfile.open(fileobj=BytesIO(await bench.staged(key))) as aip:
        name = next(name for name in aip.getnames() if name.endswith("/signatures.json"))
        member = aip.extractfile(name)
        assert member is not None
        report: dict[str, Any] = json.load(member)
    return report


async def test_signatures_are_told_of_and_their_report_is_kept_in_the_aip(trusting: Bench) -> None:
    agreement = await trusting.agreement(signatures="warn")
    deposited = await trusting.deposit(trusting.sip(sip_of(SIGNED, ALTERED)), agreement)

    await trusting.process()

    transfer = await trusting.transfer(deposited.id)
    assert transfer.state is TransferState.STORING
    told = [(each["code"], each["severity"]) for each in transfer.findings or ()]
    assert told == [("HEADER_AGREEMENT_MISMATCH", "info"), ("SIGNATURE_INVALID", "warning")]
    report = await report_of(trusting, (await trusting.built(deposited.id)).staging_key)
    assert report["counts"] == {"valid": 1, "invalid": 1, "indeterminate": 0}
    assert report["transfer"] == str(deposited.id)
    assert report["software"].keys() == {"chartrier", "pyhanko"}


async def test_an_agreement_may_refuse(trusting: Bench) -> None:
    agreement = await trusting.agreement(signatures="reject")
    deposited = await trusting.deposit(trusting.sip(sip_of(ALTERED)), agreement)

    await trusting.process()

    assert (await trusting.transfer(deposited.id)).state is TransferState.REJECTED
    assert len(await trusting.told(SipRejectedV1)) == 1


async def test_without_the_term_nobody_looks(trusting: Bench) -> None:
    deposited = await trusting.deposit(trusting.sip(sip_of(ALTERED)))

    await trusting.process()

    aip = await trusting.staged((await trusting.built(deposited.id)).staging_key)
    assert b"signatures.json" not in aip


async def test_anchors_that_were_spoiled_keep_a_deposit_waiting_until_they_are_mended(trusting: Bench) -> None:
    place = trusting.ingest.settings.signature_trust
    assert isinstance(place, Path)
    deposited = await trusting.deposit(trusting.sip(sip_of(SIGNED)), await trusting.agreement(signatures="reject"))
    (place / "root.pem").write_text("spoiled")
    with pytest.raises(TryAgain, match=r"root\.pem"):
        await trusting.process()

    (place / "root.pem").write_bytes(pki.root().pem)
    await trusting.release()
    await trusting.process()

    assert (await trusting.transfer(deposited.id)).state is TransferState.STORING
