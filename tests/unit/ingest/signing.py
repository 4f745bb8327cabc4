"""Judge packages with signatures: an agreement that asks for it, our own PKI, PRONOM left out."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.instruments import Identification
from services.ingest.domain.limits import Limits
from services.ingest.domain.signatures import SignatureResult
from services.ingest.pipeline.check_signatures import Verification
from services.ingest.pipeline.judge import Standard, Verdict, judge_aloud
from services.ingest.trust import load_trust
from tests.builders import pki
from tests.builders.sips import AFile, ASip, AUnit, a_sip, an_agreement

NOW = datetime(2026, 11, 20, tzinfo=UTC)
PLAIN = Identification("x-fmt/111", "Plain Text File", "text/plain")


def asking(policy: Signatures = Signatures.WARN, **terms: object) -> Agreement:
    return replace(an_agreement(), signatures=policy, **terms)  # type: ignore[arg-type]


def judged(
    folder: Path,
    *files: AFile,
    agreement: Agreement | None = None,
    trust: Path | None = None,
    sip: ASip | None = None,
    limits: Limits | None = None,
    now: datetime = NOW,
) -> Verdict:
    units = tuple(AUnit(f"Pièce {n}", files=(n,)) for n in range(len(files)))
    path = a_sip(folder / "sip", sip or ASip(files, units))
    place = trust or pki.trust_folder(folder / "trust")
    verification = Verification(load_trust(place), now)
    standard = Standard(agreement or asking(), {}, limits or Limits(), verification)
    return judge_aloud(path, standard, lambda _: PLAIN, None, lambda _: None)


def results(folder: Path, *files: AFile, trust: Path | None = None, **words: object) -> list[SignatureResult]:
    found = judged(folder, *files, trust=trust, **words)  # type: ignore[arg-type]
    assert found.inventory is not None
    assert found.inventory.signatures is not None
    return list(found.inventory.signatures.results)


def said(result: SignatureResult) -> str:
    """Return a result as its tests compare it: valid, or sub-indication and rule."""
    fault = result.fault
    return "valid" if fault is None else f"{result.conclusion} {fault.sub_indication} {fault.rule}"
