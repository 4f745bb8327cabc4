"""What stands in ReplyCode: SEDA leaves the vocabulary to the parties, each agreement names one of two.

``vitam`` is the one of the French national archives' software: OK, WARNING, KO. ``numeric`` is the closed list of
SEDA 0.2, which older clients still read: 000, or why not.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from services.ingest.domain.agreement import ReplyCodes
from services.ingest.domain.findings import Finding, Severity

LISTS: Final[Mapping[ReplyCodes, str]] = MappingProxyType(
    {ReplyCodes.VITAM: "chartrier-1", ReplyCodes.NUMERIC: "seda-0.2"}
)
"""How the answer names the list its code is taken from."""

ACCEPTED: Final = "000"
MALFORMED: Final = "101"
"""The list's general refusal of a message, for all that it has no nearer word for."""

_NUMERIC: Final[Mapping[str, str]] = MappingProxyType(
    {
        "HEADER_AGREEMENT_MISMATCH": "300",
        "HEADER_AGREEMENT_MISSING": "300",
        "HEADER_AGREEMENT_SUSPENDED": "300",
        "HEADER_AGREEMENT_DATES": "312",
        "HEADER_QUOTA": "301",
        "HEADER_AGENCY_MISMATCH": "302",
        "AGENCY_ORIGINATING_UNKNOWN": "302",
        "AGENCY_TRANSFERRING_UNKNOWN": "303",
        "AGENCY_SUBMISSION_UNKNOWN": "303",
        "AGENCY_ARCHIVAL_UNKNOWN": "304",
        "HEADER_TOO_MANY_UNITS": "301",
        "HEADER_TOO_MANY_BYTES": "306",
        "FORMAT_UNIDENTIFIED": "204",
        "FORMAT_MISMATCH": "205",
        "FORMAT_NOT_ALLOWED": "307",
        "OBJECT_URI_EMPTY": "211",
        "OBJECT_FILE_MISSING": "211",
        "OBJECT_DIGEST_MISSING": "308",
        "OBJECT_DIGEST_ALGORITHM": "207",
        "OBJECT_DIGEST_UNREADABLE": "207",
        "OBJECT_DIGEST_MISMATCH": "207",
        "SIGNATURE_MESSAGE_INVALID": "206",
        "SIGNATURE_MESSAGE_INDETERMINATE": "206",
        "SIGNATURE_MESSAGE_MISSING": "309",
        "SIGNATURE_MISSING": "305",
        "SIGNATURE_INVALID": "310",
        "SIGNATURE_INDETERMINATE": "311",
    }
)


def outcome(findings: Sequence[Finding]) -> str:
    """Return ``KO`` if one finding is an error, else ``WARNING`` if one is a warning, else ``OK``."""
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        return "KO"
    return "WARNING" if Severity.WARNING in severities else "OK"


def reply_code(vocabulary: ReplyCodes, findings: Sequence[Finding]) -> str:
    """Return the ReplyCode of a transfer with these findings.

    In the numeric list it is that of the last error: the one whose text clients of the field show. What is accepted
    is 000 even with warnings, which are told as events: those clients take any other code for a refusal.
    """
    if vocabulary is ReplyCodes.VITAM:
        return outcome(findings)
    errors = [finding.code for finding in findings if finding.severity is Severity.ERROR]
    return _NUMERIC.get(errors[-1], MALFORMED) if errors else ACCEPTED
