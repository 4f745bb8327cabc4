"""One entry of the catalogue of findings."""

from dataclasses import dataclass

from services.ingest.domain.findings import Severity


@dataclass(frozen=True, slots=True)
class FindingText:
    """What a code weighs unless its check says otherwise, and its sentence in French and in English.

    Names between braces are parameters of the finding; a parameter ``x_fr`` takes the place of ``x`` in French.
    """

    severity: Severity
    fr: str
    en: str


def error(fr: str, en: str) -> FindingText:
    """Return the text of a finding that refuses the transfer."""
    return FindingText(Severity.ERROR, fr, en)


def warning(fr: str, en: str) -> FindingText:
    """Return the text of a finding that is told and kept, and refuses nothing."""
    return FindingText(Severity.WARNING, fr, en)


def info(fr: str, en: str) -> FindingText:
    """Return the text of a finding worth knowing."""
    return FindingText(Severity.INFO, fr, en)
