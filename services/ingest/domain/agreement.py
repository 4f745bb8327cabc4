"""The agreement (*accord de versement*) as ingest needs it: a projection of what admin publishes."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID


class MatchHeader(StrEnum):
    """Whether agencies and agreement named in the manifest must match ours or are only noted."""

    STRICT = "strict"
    RECORD = "record"


class UnknownRules(StrEnum):
    """What to do with rule codes that the referential does not know."""

    REJECT = "reject"
    WARN = "warn"


class Usages(StrEnum):
    """How object usages (BinaryMaster…) are judged."""

    STRICT = "strict"
    LENIENT = "lenient"


class Antivirus(StrEnum):
    """Whether files are shown to the antivirus: where there is one, never, or not without (wait for it)."""

    YES = "yes"
    NO = "no"
    REQUIRED = "required"


class Signatures(StrEnum):
    """What becomes of electronic signatures: not looked at, told in the AIP alone, or judged where not valid."""

    IGNORE = "ignore"
    RECORD = "record"
    WARN = "warn"
    REJECT = "reject"


class Decision(StrEnum):
    """Who decides on a transfer that passed every check."""

    AUTOMATIC = "automatic"
    ARCHIVIST = "archivist"


class ReplyCodes(StrEnum):
    """By which vocabulary the ReplyCode of our answers is written; SEDA leaves it to the agreement."""

    VITAM = "vitam"
    NUMERIC = "numeric"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement; dates are inclusive; `formats` are PUIDs, empty meaning all.

    `unidentified` says whether files that PRONOM does not recognise are taken: None, only where `formats` is empty.
    `schema_tolerances` are names of `tolerances.TOLERANCES`; one unknown here forgives nothing.
    The lists of agencies are identifiers, an empty one meaning all; `quota_bytes` bounds all that is taken under it.
    `signatures` are those of its files, `message_signature` that of the manifest; a required one that is missing
    counts as one that is not valid.
    `decision_days`: within how many an archivist should decide.
    """

    id: UUID
    identifier: str
    version: int
    establishment: UUID
    establishment_identifier: str
    name: str
    state: str
    match_header: MatchHeader
    unknown_rules: UnknownRules
    usages: Usages
    decision: Decision
    formats: tuple[str, ...] = ()
    max_bytes: int | None = None
    max_units: int | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    schema_tolerances: tuple[str, ...] = ()
    unidentified: bool | None = None
    antivirus: Antivirus = Antivirus.YES
    reply_codes: ReplyCodes = ReplyCodes.VITAM
    archival_agencies: tuple[str, ...] = ()
    transferring_agencies: tuple[str, ...] = ()
    originating_agencies: tuple[str, ...] = ()
    submission_agencies: tuple[str, ...] = ()
    quota_bytes: int | None = None
    sandbox: bool = False
    signatures: Signatures = Signatures.IGNORE
    message_signature: Signatures = Signatures.IGNORE
    signatures_required: bool = False
    message_signature_required: bool = False
    decision_days: int | None = None
