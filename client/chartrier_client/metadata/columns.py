"""The columns of a metadata file, by the names people give them in French and in English."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from chartrier_client.description import RuleCategory
from chartrier_client.language import Text
from chartrier_client.metadata.faults import Fault, letters

NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "path": ("path", "chemin", "file", "fichier"),
        "row_id": ("ID", "identifiant de ligne"),
        "parent_id": ("ParentID", "identifiant parent"),
        "title": ("title", "titre", "intitulé"),
        "level": ("level", "niveau", "DescriptionLevel", "niveau de description"),
        "description": ("description", "présentation du contenu"),
        "start_date": ("start date", "date de début", "date début", "start"),
        "end_date": ("end date", "date de fin", "date fin", "end"),
        "created_date": ("created date", "date de création", "date création"),
        "transacted_date": ("transacted date", "date de transaction"),
        "acquired_date": ("acquired date", "date de numérisation"),
        "sent_date": ("sent date", "date d'envoi"),
        "received_date": ("received date", "date de réception"),
        "registered_date": ("registered date", "date d'enregistrement"),
        "identifier": ("identifier", "identifiant", "cote", "OriginatingAgencyArchiveUnitIdentifier"),
        "file_plan_position": ("file plan position", "classement"),
        "document_type": ("document type", "type de document"),
        "language": ("language", "langue"),
        "originating_agency": ("originating agency", "service producteur", "OriginatingAgency.Identifier"),
        "keyword": ("keyword", "mot-clé", "Keyword.KeywordContent", "keywords", "mots-clés"),
        "keyword_type": ("keyword type", "type de mot-clé", "Keyword.KeywordType"),
        "keyword_reference": ("keyword reference", "référence de mot-clé", "Keyword.KeywordReference"),
        "appraisal_rule": ("rule", "règle", "appraisal rule", "DUA", "AppraisalRule.Rule"),
        "appraisal_start": (
            "rule start",
            "début de règle",
            "début DUA",
            "appraisal start",
            "AppraisalRule.StartDate",
            "rule start date",
            "date de début de règle",
            "date de début DUA",
        ),
        "appraisal_action": ("final action", "sort final", "appraisal action", "AppraisalRule.FinalAction"),
        "access_rule": ("access rule", "communicabilité", "AccessRule.Rule"),
        "access_start": (
            "access start",
            "début communicabilité",
            "AccessRule.StartDate",
            "access start date",
            "date de début communicabilité",
        ),
        "storage_rule": ("storage rule", "DUC", "StorageRule.Rule"),
        "storage_start": ("storage start", "début DUC", "StorageRule.StartDate"),
        "storage_action": ("storage action", "sort DUC", "StorageRule.FinalAction"),
        "dissemination_rule": ("dissemination rule", "diffusion", "DisseminationRule.Rule"),
        "dissemination_start": ("dissemination start", "début diffusion", "DisseminationRule.StartDate"),
        "reuse_rule": ("reuse rule", "réutilisation", "ReuseRule.Rule"),
        "reuse_start": ("reuse start", "début réutilisation", "ReuseRule.StartDate"),
    }
)
"""Field → the headers that mean it: English, French, then others. Case, accents and punctuation do not matter."""

RULES: Final[Mapping[str, RuleCategory]] = MappingProxyType(
    {category.value.removesuffix("Rule").lower(): category for category in RuleCategory}
)
"""How the names of the fields of a rule begin → its category."""

REPEATED: Final = frozenset(
    {
        "keyword",
        "keyword_type",
        "keyword_reference",
        *(f"{rule}_{part}" for rule in RULES for part in ("rule", "start")),
    }
)
"""Fields that may stand in several columns, told apart by a number: `mot-clé 1`, `mot-clé 2`."""

# ReSIP writes where in the manifest a value goes; that part of the name tells us nothing.
_PLACE = re.compile(r"^(content|management)\.", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that we know: which field, which of its repetitions (1 where no number is given), and where."""

    field: str
    number: int
    index: int
    header: str


def plain(name: str) -> str:
    """Return a name without case, accents, digits or punctuation, so that ways to write it are one."""
    spelt = unicodedata.normalize("NFKD", name.casefold())
    return "".join(letter for letter in spelt if "a" <= letter <= "z")


_FIELDS: Final = {plain(name): field for field, names in NAMES.items() for name in names}


def known_columns(file: str, headers: Sequence[str]) -> tuple[tuple[Column, ...], list[Fault]]:
    """Recognise the columns of a file by its headers; an unknown one, or one named twice, is a fault."""
    columns: list[Column] = []
    faults: list[Fault] = []
    for index, header in enumerate(headers):
        column = _column(index, header.strip())
        if column is None and header.strip():
            faults.append(_fault(file, index, header, "COLUMN_UNKNOWN", _unknown(header)))
        elif column and any((column.field, column.number) == (each.field, each.number) for each in columns):
            twice = Text("cette colonne est là deux fois", "this column is there twice")
            faults.append(_fault(file, index, header, "COLUMN_REPEATED", twice))
        elif column:
            columns.append(column)
    faults += _missing(file, columns)
    return tuple(columns), faults


def _column(index: int, header: str) -> Column | None:
    name = _PLACE.sub("", header)
    numbers = re.findall(r"[0-9]+", name)
    field = _FIELDS.get(plain(name))
    if field is None or len(numbers) > 1 or (numbers and field not in REPEATED):
        return None
    return Column(field, int(numbers[0]) if numbers else 1, index, header)


def _unknown(header: str) -> Text:
    near = get_close_matches(plain(header), _FIELDS, n=1, cutoff=0.75)
    names = NAMES[_FIELDS[near[0]]] if near else ()
    return Text(
        "cette colonne est inconnue" + (f" ; peut-être «{names[1]}» ?" if names else ""),
        "this column is unknown" + (f"; perhaps «{names[0]}»?" if names else ""),
    )


def _missing(file: str, columns: Sequence[Column]) -> Iterator[Fault]:
    there = {(column.field, column.number) for column in columns}
    if ("path", 1) not in there:
        reason = Text("il manque la colonne «chemin»", "the column «path» is missing")
        yield Fault(file, 1, "", "", "COLUMN_MISSING", reason)
    for column in columns:
        owner = owner_of(column.field)
        if owner and not any(field == owner for field, _ in there):
            names = NAMES[owner]
            reason = Text(
                f"cette colonne ne dit rien sans la colonne «{names[1]}»",
                f"this column says nothing without the column «{names[0]}»",
            )
            yield _fault(file, column.index, column.header, "COLUMN_ALONE", reason)


def owner_of(field: str) -> str | None:
    """Return the field that this one says more of: the rule of its start, the keyword of its type."""
    if field == "parent_id":
        return "row_id"
    start, _, last = field.partition("_")
    if start == "keyword" and last:
        return "keyword"
    return f"{start}_rule" if start in RULES and last in {"start", "action"} else None


def _fault(file: str, index: int, header: str, code: str, reason: Text) -> Fault:
    return Fault(file, 1, letters(index), header.strip(), code, reason)
