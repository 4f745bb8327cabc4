"""What is said of agencies that an agreement does not know, and what to do about it."""

from typing import Final

from services.ingest.domain.finding_text import FindingText, error
from services.ingest.domain.mend import Mend

_ROLES: Final = {
    "AGENCY_ARCHIVAL_UNKNOWN": ("service d’archives", "archival agency", "SEDA 2.x, ArchivalAgency"),
    "AGENCY_TRANSFERRING_UNKNOWN": ("service versant", "transferring agency", "SEDA 2.x, TransferringAgency"),
    "AGENCY_ORIGINATING_UNKNOWN": ("service producteur", "originating agency", "SEDA 2.x, OriginatingAgency"),
    "AGENCY_SUBMISSION_UNKNOWN": ("opérateur de versement", "submission operator", "SEDA 2.x, SubmissionAgency"),
}
"""What an agency of each code is called in French and in English, and where the standard speaks of it."""


def _text(fr: str, en: str) -> FindingText:
    return error(
        f"{{element}} nomme « {{found}} » ({{count}} fois), que l’accord ne connaît pas comme {fr} ; il connaît "
        "({known}).",
        f"{{element}} names “{{found}}” ({{count}} times), which the agreement does not know as {en}; it knows "
        "({known}).",
    )


def _mend(source: str) -> Mend:
    return Mend(
        "Écrivez dans {element} l’un de ceux que l’accord connaît ({known}) : c’est un paramètre du logiciel qui "
        "verse. Ou demandez au service d’archives d’ajouter « {found} » à l’accord.",
        "Write in {element} one of those that the agreement knows ({known}): it is a setting of the depositing "
        "software. Or ask the archives to add “{found}” to the agreement.",
        source,
    )


AGENCY_TEXTS: Final[dict[str, FindingText]] = {code: _text(fr, en) for code, (fr, en, _) in _ROLES.items()}
AGENCY_MENDS: Final[dict[str, Mend]] = {code: _mend(source) for code, (_, _, source) in _ROLES.items()}
