"""The packages that a release builds, kept for ever: `python -m tests.builders.kept_aips` adds those of this version.

    tests/golden/aip/releases/<version>/<name>.tar     the package
    tests/golden/aip/releases/<version>/<name>.json    what its release knew of it, and told the other rooms

Every later release must read, verify and serve them (tests/integration/access/test_golden_aips.py): nobody edits one.
"""

import io
import json
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.limits import Limits
from services.ingest.domain.plan import BuildPlan
from services.ingest.pipeline.aip.builder import AipSummary, build_aip
from services.ingest.pipeline.check_signatures import Verification
from services.ingest.pipeline.judge import Standard, judge_aloud
from services.ingest.pipeline.judged import open_judged
from services.ingest.trust import load_trust
from tests.builders import pki
from tests.builders.signed_pdfs import a_pdf, sign_pdf
from tests.builders.sips import AFile, ASip, AUnit, a_sip
from tests.unit.ingest.signing import PLAIN, asking

RELEASES = Path(__file__).parents[1] / "golden" / "aip" / "releases"
NOW = datetime(2026, 11, 20, tzinfo=UTC)

_TREE = (
    AUnit(
        "Conseil municipal « été »",
        "RecordGrp",
        description="Séance n° 3 : l'école & la cantine",
        units=(AUnit("Délibération n° 12", files=(0,)), AUnit("Annexe sans date", files=(1,), start_date=None)),
    ),
    AUnit("Dossier vide", "File"),
)
_FILES = (
    AFile("Content/délibération n°12.pdf"),
    AFile("Content/annexe — " + "x" * 110 + ".txt", "é\n".encode() * 300, "SHA-256", None, None),
)

SAMPLES: Mapping[str, ASip] = {
    **{
        f"seda-{number}": ASip(_FILES, _TREE, number, message_identifier=f"message-{number}")
        for number in ("2.0", "2.1", "2.2", "2.3")
    },
    "signed": ASip((AFile("Content/acte.pdf", sign_pdf(a_pdf())),), (AUnit("Acte signé", files=(0,)),)),
    "no-file": ASip((), (AUnit("Registre sur papier"),), message_identifier="message-no-file"),
}


def main() -> int:
    """Build the packages of this version; those that are there already stay as they are."""
    folder = RELEASES / version("chartrier")
    folder.mkdir(parents=True, exist_ok=True)
    for name, sip in SAMPLES.items():
        if not (folder / f"{name}.tar").exists():
            package, facts = built(name, sip)
            (folder / f"{name}.tar").write_bytes(package)
            (folder / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def built(name: str, sip: ASip) -> tuple[bytes, dict[str, Any]]:
    """Judge a package as ingest does, build its AIP, and say what it is."""
    with tempfile.TemporaryDirectory() as scratch:
        path = a_sip(Path(scratch) / "sip", sip)
        agreement = asking(Signatures.RECORD if name == "signed" else Signatures.IGNORE)
        verification = Verification(load_trust(pki.trust_folder(Path(scratch) / "trust")), NOW)
        standard = Standard(agreement, {}, Limits(), verification)
        verdict = judge_aloud(path, standard, lambda _: PLAIN, None, lambda _: None)
        if verdict.inventory is None:
            raise AssertionError(f"{name}: {verdict.findings}")
        package, manifest = open_judged(path, verdict.inventory, Limits())
        plan, out = _plan(name, agreement), io.BytesIO()
        summary = build_aip(package, verdict.inventory, manifest, plan, out)
    return out.getvalue(), _facts(plan, summary)


def _plan(name: str, agreement: Agreement) -> BuildPlan:
    return BuildPlan(
        aip_id=uuid5(NAMESPACE_URL, f"aip:{name}"),
        transfer_id=uuid5(NAMESPACE_URL, f"transfer:{name}"),
        establishment=uuid5(NAMESPACE_URL, "establishment"),
        agreement_identifier=agreement.identifier,
        agreement_version=agreement.version,
        received_at="2026-11-20T09:15:00Z",
        planned_at="2026-11-20T09:15:04Z",
        sip_sha512="ab" * 64,
        sip_size=12345,
        depositor="client:kept",
        software={"chartrier": version("chartrier")},
    )


def _facts(plan: BuildPlan, summary: AipSummary) -> dict[str, Any]:
    return {
        "aip_id": str(plan.aip_id),
        "transfer_id": str(plan.transfer_id),
        "establishment": str(plan.establishment),
        "version": 1,
        "sha512": summary.sha512,
        "size": summary.size,
        "catalogue": {
            "offset": summary.catalogue_offset,
            "length": summary.catalogue_length,
            "sha512": summary.catalogue_sha512,
        },
        "units": summary.units,
        "objects": summary.objects,
    }


if __name__ == "__main__":
    sys.exit(main())
