"""What a check has to say about a deposit: findings are data with stable codes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs: one error refuses the transfer, a warning never does."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation; its texts are made from `code` and `params` by `finding_texts`.

    `place` says where, as the depositor sees it: ``container``, a path in the package,
    or ``manifest.xml:51 ID22`` (file, line, XML identifier).
    """

    code: str
    severity: Severity
    place: str
    params: Mapping[str, str] = field(default_factory=dict)


def is_refused(findings: Iterable[Finding]) -> bool:
    """Say whether at least one finding is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)
