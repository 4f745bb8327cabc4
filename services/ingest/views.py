"""Transfers as the HTTP surface shows them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.ingest.domain.finding_texts import details, text
from services.ingest.domain.findings import Finding, Severity, is_refused
from services.ingest.domain.mend_texts import mend
from services.ingest.domain.records import findings_of_json, header_of_json
from services.ingest.domain.transfer import TransferState
from services.ingest.findings_catalogue import link_to
from services.ingest.pipeline.reply import can_answer
from services.ingest.queries import Transfer
from shared.clock import rfc3339


def finding_view(finding: Finding, language: str) -> dict[str, Any]:
    """Show a finding: its stable code, its weight, where, what it is and what to do in the caller's language.

    `help` leads to its entry in the catalogue; `details` are what stands between braces there, for software to read.
    """
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "place": finding.place,
        "message": text(finding, language),
        "mend": mend(finding, language),
        "help": link_to(finding.code),
        "details": details(finding, language),
    }


def transfer_view(transfer: Transfer, language: str) -> dict[str, Any]:
    """Show a whole transfer."""
    findings = findings_of_json(transfer.findings)
    return summary_view(transfer) | {
        **_verdict(transfer, findings),
        "findings": [finding_view(finding, language) for finding in findings],
        "steps": transfer.steps,
        "counts": transfer.counts,
        "profile": transfer.profile,
        "reason": transfer.reason,
        "decide_by": None if transfer.decide_by is None else rfc3339(transfer.decide_by),
        "depositor": transfer.depositor,
    }


def waiting_view(transfer: Transfer, at: datetime) -> dict[str, Any]:
    """Show a transfer that awaits its decision: what whoever decides wants to know first."""
    findings = findings_of_json(transfer.findings)
    due = transfer.decide_by
    return summary_view(transfer) | {
        "depositor": transfer.depositor,
        "counts": transfer.counts,
        "findings": {each.value: sum(one.severity is each for one in findings) for each in Severity},
        "finding_codes": sorted({one.code for one in findings}),
        "decide_by": None if due is None else rfc3339(due),
        "overdue": due is not None and due <= at,
    }


def _verdict(transfer: Transfer, findings: Iterable[Finding]) -> dict[str, str]:
    """Say what would have become of a dry run."""
    if transfer.state is not TransferState.JUDGED:
        return {}
    return {"verdict": "refused" if is_refused(findings) else "acceptable"}


def summary_view(transfer: Transfer) -> dict[str, Any]:
    """Show what a list of transfers needs."""
    return {
        "id": str(transfer.id),
        "state": transfer.state,
        "dry_run": transfer.dry_run,
        "establishment": str(transfer.establishment),
        "agreement": str(transfer.agreement),
        "filename": transfer.filename,
        "size": transfer.size,
        "sha512": transfer.sha512,
        "received_at": rfc3339(transfer.received_at),
        "changed_at": rfc3339(transfer.changed_at),
        "granted_at": None if transfer.granted_at is None else rfc3339(transfer.granted_at),
        "message_identifier": transfer.message_identifier,
        "transferring_agency": transfer.transferring_agency,
        # An identifier is told once it names something: until then the plan may still change.
        "purged_by": _text(transfer.purged_by),
        "forgotten_by": _text(transfer.forgotten_by),
        "aip_id": None if transfer.state is TransferState.REJECTED else _text(transfer.aip_id),
        "links": links(transfer),
    }


def links(transfer: Transfer) -> dict[str, str]:
    """Say where the rest is to be had; an answer that does not exist yet has no link."""
    here = f"/ingest/v1/transfers/{transfer.id}"
    found = {"self": here, "report": f"{here}/report"}
    answered = transfer.header is not None and can_answer(header_of_json(transfer.header))
    if answered:
        found["acknowledgement"] = f"{here}/acknowledgement"
    if transfer.reply_key is not None or (answered and transfer.state is TransferState.JUDGED):
        found["reply"] = f"{here}/reply"
    if transfer.state is TransferState.ACCEPTED:
        found["receipt"] = f"{here}/receipt"
        if transfer.purged_by is None:
            found["units"] = f"/access/v1/units?transfer={transfer.id}"
        found["copies"] = f"/storage/v1/aips/{transfer.aip_id}/copies"
    return found


def _text(value: object) -> str | None:
    return None if value is None else str(value)
