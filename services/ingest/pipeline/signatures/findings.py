"""What of the signatures a depositor is told, and how much it weighs: as the agreement has it."""

from collections.abc import Iterator, Mapping

from services.ingest.domain.agreement import Agreement, Signatures
from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.signature_rules import rule_text
from services.ingest.domain.signatures import Conclusion, Fault, SignatureReport, SignatureResult
from services.ingest.domain.sip import DataObject, ObjectKind
from services.ingest.pipeline.sip import Sip

_WEIGHTS: Mapping[Signatures, Severity] = {
    Signatures.WARN: Severity.WARNING,
    Signatures.REJECT: Severity.ERROR,
}
_OF_FILE: Mapping[Conclusion, str] = {
    Conclusion.INVALID: "SIGNATURE_INVALID",
    Conclusion.INDETERMINATE: "SIGNATURE_INDETERMINATE",
}
_OF_MESSAGE: Mapping[Conclusion, str] = {
    Conclusion.INVALID: "SIGNATURE_MESSAGE_INVALID",
    Conclusion.INDETERMINATE: "SIGNATURE_MESSAGE_INDETERMINATE",
}


def signature_findings(sip: Sip, report: SignatureReport, left: Mapping[str, Fault]) -> Iterator[Finding]:
    """Yield what is to be told; nothing of what an agreement has but recorded.

    `left` is what the signatures of a file leave unsigned of it, by its path.
    """
    agreement = sip.agreement
    message = [each for each in report.results if each.path == sip.manifest_name]
    files = [each for each in report.results if each.path != sip.manifest_name]
    weight = _WEIGHTS.get(agreement.message_signature)
    if weight is not None:
        yield from (_told(each, weight, _OF_MESSAGE) for each in message if each.fault is not None)
        if agreement.message_signature_required and not message:
            yield found("SIGNATURE_MESSAGE_MISSING", sip.manifest_name, weight)
    weight = _WEIGHTS.get(agreement.signatures)
    if weight is not None:
        yield from (_told(each, weight, _OF_FILE) for each in files if each.fault is not None)
        yield from (_partial(path, each, agreement, weight) for path, each in left.items())
        if agreement.signatures_required:
            yield from (_missing(sip, each, weight) for each in _unsigned(sip, files))


def _told(result: SignatureResult, weight: Severity, codes: Mapping[Conclusion, str]) -> Finding:
    fault = result.fault
    if fault is None:
        raise AssertionError("a valid signature is no finding")
    signer = result.certificate
    return found(
        codes[result.conclusion],
        result.path,
        weight,
        signature=result.name,
        form=result.form,
        indication=fault.sub_indication.value,
        **_rule(fault),
        signer=signer.subject if signer else "unknown signer",
        signer_fr=signer.subject if signer else "signataire inconnu",
        issuer=signer.issuer if signer else "…",
        serial=signer.serial if signer else "…",
        moment=result.moment or "…",
    )


def _rule(fault: Fault) -> dict[str, str]:
    return {"rule": rule_text(fault, "en"), "rule_fr": rule_text(fault, "fr")}


def _partial(path: str, fault: Fault, agreement: Agreement, weight: Severity) -> Finding:
    # What was added to a PDF may be evidence, or meant; a part that was never signed is a signature that is missing.
    missing = agreement.signatures_required and fault.rule == "parts_unsigned"
    return found("SIGNATURE_PARTIAL", path, weight if missing else Severity.WARNING, **_rule(fault))


def _unsigned(sip: Sip, results: list[SignatureResult]) -> Iterator[DataObject]:
    """Yield the originals that bear no signature, are of none, and are none themselves."""
    signing = [each for each in results if each.form != "RFC 3161"]
    signed = {each.path for each in signing} | {path for each in signing for path in each.documents}
    for each in sip.manifest.objects:
        master = each.usage is None or each.usage.startswith("BinaryMaster")
        path = sip.located.get(each.id)
        if each.kind is ObjectKind.BINARY and master and path is not None and path not in signed:
            yield each


def _missing(sip: Sip, data_object: DataObject, weight: Severity) -> Finding:
    path = sip.located[data_object.id]
    return found("SIGNATURE_MISSING", path, weight, object=data_object.id)
