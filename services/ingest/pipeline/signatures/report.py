"""The validation report as an AIP keeps it: ``metadata/preservation/signatures.json``, one JSON document.

A plain form of what ETSI TS 119 102-2 §4 asks of a report: the validation time, the constraints, and of each
signature its identifier, status, sub-indication, signer, time and what it covers. docs/signatures.md describes it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.signature_rules import rule_text
from services.ingest.domain.signatures import Conclusion, Fault, SignatureReport, SignatureResult

Rules = Mapping[str, tuple[str, str]]

FORMAT = "chartrier-signatures/1"
_STATUS = {
    Conclusion.VALID: "TOTAL-PASSED",
    Conclusion.INVALID: "TOTAL-FAILED",
    Conclusion.INDETERMINATE: "INDETERMINATE",
}


def report_lines(report: SignatureReport, plan: BuildPlan) -> Iterator[bytes]:
    """Yield the report, a signature a line: a pure function of its arguments, in UTF-8."""
    counts = {each.value: sum(one.conclusion is each for one in report.results) for each in Conclusion}
    head = {
        "format": FORMAT,
        "aip": str(plan.aip_id),
        "transfer": str(plan.transfer_id),
        "validated_at": report.validated_at,
        "software": {name: plan.software[name] for name in ("chartrier", "pyhanko") if name in plan.software},
        "agreement": {
            "identifier": plan.agreement_identifier,
            "version": plan.agreement_version,
            "signatures": report.of_files,
            "message_signature": report.of_message,
        },
        "trust": {"anchors": list(report.anchors), "revocation_lists": list(report.revocation_lists)},
        "counts": counts,
    }
    yield _json(head)[:-1] + b',"signatures":['
    for number, result in enumerate(report.results):
        yield (b",\n" if number else b"\n") + _json(_shown(result, report.rules))
    yield b"\n]}\n"


def _shown(result: SignatureResult, rules: Rules) -> dict[str, Any]:
    certificate = result.certificate
    return {
        "file": result.path,
        "signature": result.name,
        "form": result.form,
        "conclusion": result.conclusion.value,
        "status": _STATUS[result.conclusion],
        **_fault(result.fault, rules),
        "covers": list(result.covers),
        "covers_all": result.whole,
        "documents": list(result.documents),
        "algorithms": list(result.algorithms),
        "claimed_at": result.claimed_at,
        "judged_at": result.moment,
        "judged_at_is": result.moment_is,
        "time_stamp": _fault(result.time_stamp_fault, rules) or None,
        "signer": None
        if certificate is None
        else {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "not_before": certificate.not_before,
            "not_after": certificate.not_after,
            "sha256": certificate.sha256,
        },
        # As it was written before there were chains, where there is none.
        **({"chain": list(result.chain)} if result.chain else {}),
    }


def _fault(fault: Fault | None, rules: Rules) -> dict[str, str]:
    if fault is None:
        return {}
    return {
        "sub_indication": fault.sub_indication.value,
        "rule": fault.rule,
        "rule_fr": rule_text(fault, "fr", rules),
        "rule_en": rule_text(fault, "en", rules),
    }


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
