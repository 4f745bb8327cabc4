"""Verify proofs from the command."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final

from chartrier_client.cli.exits import ACCEPTED, INDETERMINATE, REJECTED, TECHNICAL
from chartrier_client.cli.run import Run
from chartrier_client.cli.usage import UsageError
from chartrier_client.language import Text
from chartrier_client.verifying.checks import Check, Remark, Report
from chartrier_client.verifying.texts import OUTCOMES, VERDICTS, check_label, reason_said

_EXITS: Final = {"valid": ACCEPTED, "invalid": REJECTED, "indeterminate": INDETERMINATE}
_LOUD: Final = Text(
    "!!! SANS VALEUR PROBANTE : des clés de développement ou un horodateur d'essai y ont eu part !!!",
    "!!! SANS VALEUR PROBANTE (no probative value): development keys or a trial time-stamper had a part in it !!!",
)


def verify_proofs(run: Run) -> int:
    """Verify files and folders, and say what was checked, what was not, and why."""
    try:
        # What they need is an extra: the other commands go without.
        from chartrier_client.verifying import verify as verifying  # noqa: PLC0415
    except ModuleNotFoundError as error:
        return _missing(run, error)
    asked = run.asked
    at = _moment(asked.at) if asked.at else datetime.now(UTC)
    try:
        report = verifying.verify(verifying.Asked(asked.files, at, asked.trust, asked.evidence))
    except verifying.TrustError as error:
        run.output.complain(error.args[0].said(run.output.language), "TRUST")
        return TECHNICAL
    _tell(run, report, at)
    return _EXITS[report.verdict]


def _missing(run: Run, error: ModuleNotFoundError) -> int:
    text = Text(
        f"il manque le paquet Python {error.name} : pip install 'chartrier-client[verify]'",
        f"the Python package {error.name} is missing: pip install 'chartrier-client[verify]'",
    )
    run.output.complain(text.said(run.output.language), "NOT_INSTALLED")
    return TECHNICAL


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(Text(f"--at : «{text}» n'est pas une date", f"--at: «{text}» is no date")) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _tell(run: Run, report: Report, at: datetime) -> None:
    language = run.output.language
    verdict = VERDICTS[report.verdict]
    omitted = Counter({f"{what} {outcome}": count for (what, outcome), count in report.omitted.items()})
    body = {
        "verdict": report.verdict,
        "probative": report.probative,
        "at": at.isoformat(),
        "checks": [_check_body(check, language) for check in report.checks],
        "omitted": dict(omitted),
        "remarks": [_remark_body(remark, language) for remark in report.remarks],
    }
    lines: list[str] = [] if report.probative else [_LOUD]
    lines += [_check_line(check, language) for check in report.checks]
    lines += [Text(f"  … {what} : {count} de plus", f"  … {what}: {count} more") for what, count in omitted.items()]
    lines += [_remark_line(remark, language) for remark in report.remarks]
    lines += [] if report.probative else [_LOUD]
    run.output.tell(body, *lines, Text(f"{verdict.fr} (au {at:%Y-%m-%d})", f"{verdict.en} (as of {at:%Y-%m-%d})"))


def _check_body(check: Check, language: str) -> dict[str, Any]:
    return {
        "what": check.what,
        "label": check_label(check).said(language),
        "target": check.target,
        "value": check.value,
        "outcome": check.outcome,
        "reason": check.reason or None,
        "why": reason_said(check).said(language) if check.reason else None,
        "facts": dict(check.facts),
    }


def _check_line(check: Check, language: str) -> str:
    outcome, label = OUTCOMES[check.outcome].said(language), check_label(check).said(language)
    value = f" {check.value}" if check.value else ""
    colon = " :" if language == "fr" else ":"
    line = f"[{outcome}] {check.target} — {label}{colon}{value}" if value else f"[{outcome}] {check.target} — {label}"
    return f"{line}\n      → {reason_said(check).said(language)} ({check.reason})" if check.reason else line


def _remark_body(remark: Remark, language: str) -> dict[str, Any]:
    return {
        "code": remark.code,
        "target": remark.target,
        "text": reason_said(remark).said(language),
        "facts": dict(remark.facts),
    }


def _remark_line(remark: Remark, language: str) -> str:
    told = reason_said(remark).said(language)
    return f"[i] {remark.target} — {told}" if remark.target else f"[i] {told}"
