"""The catalogue of findings: every code that depositors may rely on, its weight and its texts."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.ingest.domain.agency_texts import AGENCY_TEXTS
from services.ingest.domain.container_texts import CONTAINER_TEXTS
from services.ingest.domain.finding_text import FindingText
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.manifest_texts import MANIFEST_TEXTS
from services.ingest.domain.object_texts import OBJECT_TEXTS
from services.ingest.domain.signature_texts import SIGNATURE_TEXTS
from services.ingest.domain.transfer_texts import TRANSFER_TEXTS
from services.ingest.domain.unit_texts import UNIT_TEXTS

TEXTS: Final[Mapping[str, FindingText]] = MappingProxyType(
    CONTAINER_TEXTS | MANIFEST_TEXTS | AGENCY_TEXTS | OBJECT_TEXTS | SIGNATURE_TEXTS | UNIT_TEXTS | TRANSFER_TEXTS
)


def found(code: str, place: str, severity: Severity | None = None, /, **params: str) -> Finding:
    """Return the finding `code` at `place`, with the catalogue's severity unless another is given."""
    return Finding(code, severity or TEXTS[code].severity, place, params)


def text(finding: Finding, language: str) -> str:
    """Return the sentence of a finding in French (``fr``) or English (anything else).

    A finding of a code unknown here (made by a later version) is told by its code.
    """
    known = TEXTS.get(finding.code)
    if known is None:
        return finding.code
    return in_words(known.fr if language == "fr" else known.en, finding, language)


def in_words(template: str, finding: Finding, language: str) -> str:
    """Return a text of the catalogue with the parameters of a finding in their places."""
    return template.format_map(_Forgiving(details(finding, language)))


def details(finding: Finding, language: str) -> dict[str, str]:
    """Return the parameters of a finding, those that are words in the reader's language."""
    plain = {name: value for name, value in finding.params.items() if not name.endswith("_fr")}
    french = {name.removesuffix("_fr"): value for name, value in finding.params.items() if name.endswith("_fr")}
    return plain | french if language == "fr" else plain


class _Forgiving(dict[str, str]):
    """Parameters in which a missing one shows as an ellipsis: a text is never worth a crash."""

    def __missing__(self, _: str) -> str:
        return "…"
