"""What a depositor says of the archives: the envelope, the units, their rules and their files.

The names follow SEDA 2.x; only what is checked here is refused here, the archive checks the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from chartrier_client.language import Text


class DescriptionError(ValueError):
    """The description cannot make a valid package; the text says what to change."""


class SedaVersion(StrEnum):
    """The versions of the standard this client writes."""

    V2_1 = "2.1"
    V2_2 = "2.2"
    V2_3 = "2.3"


class Level(StrEnum):
    """SEDA's description levels (ISAD(G))."""

    FONDS = "Fonds"
    SUBFONDS = "Subfonds"
    CLASS = "Class"
    COLLECTION = "Collection"
    SERIES = "Series"
    SUBSERIES = "Subseries"
    RECORD_GROUP = "RecordGrp"
    SUBGROUP = "SubGrp"
    FILE = "File"
    ITEM = "Item"
    OTHER = "OtherLevel"


class RuleCategory(StrEnum):
    """The rule categories that need nothing but codes, dates and a final action, in SEDA's order."""

    STORAGE = "StorageRule"
    APPRAISAL = "AppraisalRule"
    ACCESS = "AccessRule"
    DISSEMINATION = "DisseminationRule"
    REUSE = "ReuseRule"


FINAL_ACTIONS: Mapping[RuleCategory, tuple[str, ...]] = MappingProxyType(
    {
        RuleCategory.STORAGE: ("RestrictAccess", "Transfer", "Copy"),
        RuleCategory.APPRAISAL: ("Keep", "Destroy"),
    }
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One management rule: a code of the archive's referential, and when its clock starts."""

    category: RuleCategory
    code: str
    start_date: date | None = None
    final_action: str | None = None

    def __post_init__(self) -> None:
        if not self.code.strip():
            raise DescriptionError(
                Text(f"une règle {self.category} demande un code", f"a rule of {self.category} needs a code")
            )
        allowed = FINAL_ACTIONS.get(self.category, (None,))
        if self.final_action not in allowed:
            among = ", ".join(str(action) for action in allowed)
            raise DescriptionError(
                Text(
                    f"le sort final de {self.category} est à prendre parmi : {among}",
                    f"the final action of {self.category} is one of: {among}",
                )
            )


@dataclass(frozen=True, slots=True)
class Keyword:
    """An index term; `kind` is a SEDA keyword type such as "corpname", "geogname" or "subject"."""

    content: str
    kind: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One archive unit as described by its producer.

    Dates keep the precision they are given with: `"2026"` and `date(2026, 1, 5)` are both fine.
    """

    title: str
    level: Level = Level.ITEM
    description: str | None = None
    start_date: date | str | None = None
    end_date: date | str | None = None
    created_date: date | str | None = None
    transacted_date: date | str | None = None
    acquired_date: date | str | None = None
    sent_date: date | str | None = None
    received_date: date | str | None = None
    registered_date: date | str | None = None
    identifier: str | None = None
    file_plan_position: str | None = None
    document_type: str | None = None
    language: str | None = None
    originating_agency: str | None = None
    keywords: tuple[Keyword, ...] = ()
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise DescriptionError(Text("une unité d'archives a besoin d'un titre", "an archive unit needs a title"))
        for category in RuleCategory:
            actions = {rule.final_action for rule in self.rules if rule.category is category}
            if len(actions) > 1:
                raise DescriptionError(
                    Text(
                        f"«{self.title}» : {category} a plusieurs sorts finaux",
                        f"«{self.title}»: {category} has several final actions",
                    )
                )


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file to deposit: its bytes, or where they are (read once, when the package is written)."""

    name: str
    content: Path | bytes
    mime: str | None = None
    format_id: str | None = None
    usage: str = "BinaryMaster_1"

    @property
    def size(self) -> int:
        """How many bytes there are now; the manifest states what was really written."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends what to whom: the header of the ArchiveTransfer message."""

    message_identifier: str
    archival_agency: str
    transferring_agency: str
    agreement: str | None = None
    originating_agency: str | None = None
    submission_agency: str | None = None
    comment: str | None = None
    legal_status: str | None = "Public Archive"
    date: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        for name in ("message_identifier", "archival_agency", "transferring_agency"):
            if not str(getattr(self, name)).strip():
                raise DescriptionError(Text(f"il manque à l'en-tête : {name}", f"the envelope needs a {name}"))
        if self.date.tzinfo is None:
            raise DescriptionError(
                Text("la date du message demande un fuseau horaire", "the date of the message needs a time zone")
            )
