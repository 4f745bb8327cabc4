"""What a cell may hold: levels, actions, languages and keyword types, in the words of people and in those of SEDA."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chartrier_client.description import FINAL_ACTIONS, Level, RuleCategory
from chartrier_client.language import Text
from chartrier_client.metadata.columns import plain
from chartrier_client.xml_writer import FORBIDDEN


class CellError(ValueError):
    """A cell does not hold what its column asks for; `code` is stable, the text says what it may hold."""

    def __init__(self, code: str, reason: Text) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_LEVELS: Final[Mapping[str, Level]] = MappingProxyType(
    {
        **{plain(level.value): level for level in Level},
        "sousfonds": Level.SUBFONDS,
        "classe": Level.CLASS,
        "serieorganique": Level.SERIES,
        "serie": Level.SERIES,
        "sousserie": Level.SUBSERIES,
        "sousserieorganique": Level.SUBSERIES,
        "groupe": Level.RECORD_GROUP,
        "groupededocuments": Level.RECORD_GROUP,
        "recordgroup": Level.RECORD_GROUP,
        "sousgroupe": Level.SUBGROUP,
        "sousgroupededocuments": Level.SUBGROUP,
        "subgroup": Level.SUBGROUP,
        "dossier": Level.FILE,
        "piece": Level.ITEM,
        "autre": Level.OTHER,
        "other": Level.OTHER,
    }
)

_ACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{plain(action): action for actions in FINAL_ACTIONS.values() for action in actions},
        "conserver": "Keep",
        "conservation": "Keep",
        "detruire": "Destroy",
        "destruction": "Destroy",
        "eliminer": "Destroy",
        "elimination": "Destroy",
        "restreindrelacces": "RestrictAccess",
        "accesrestreint": "RestrictAccess",
        "transferer": "Transfer",
        "transfert": "Transfer",
        "copier": "Copy",
        "copie": "Copy",
    }
)

KEYWORD_TYPES: Final = (
    "corpname",
    "famname",
    "geogname",
    "name",
    "occupation",
    "persname",
    "subject",
    "genreform",
    "function",
)

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


def level(cell: str) -> Level:
    """Read a level, as SEDA writes it or in French words."""
    found = _LEVELS.get(plain(cell))
    if found is None:
        names = ", ".join(Level)
        raise CellError(
            "VALUE_LEVEL", Text(f"«{cell}» n'est pas un niveau ({names})", f"«{cell}» is no level ({names})")
        )
    return found


def action(cell: str, category: RuleCategory) -> str:
    """Read the final action of a category of rules, as SEDA writes it or in French words."""
    found = _ACTIONS.get(plain(cell))
    allowed = FINAL_ACTIONS.get(category, ())
    if found not in allowed:
        names = ", ".join(allowed)
        raise CellError(
            "VALUE_ACTION",
            Text(f"«{cell}» n'est pas un sort final ({names})", f"«{cell}» is no final action ({names})"),
        )
    return str(found)


def language(cell: str) -> str:
    """Read the code of a language (RFC 5646)."""
    if not _LANGUAGE.fullmatch(cell):
        raise CellError(
            "VALUE_LANGUAGE",
            Text(f"«{cell}» n'est pas un code de langue (fr, en…)", f"«{cell}» is no code of a language (fr, en…)"),
        )
    return cell


def keyword_type(cell: str) -> str:
    """Read the type of a keyword (SEDA, after EAD)."""
    found = cell.lower()
    if found not in KEYWORD_TYPES:
        names = ", ".join(KEYWORD_TYPES)
        raise CellError(
            "VALUE_KEYWORD_TYPE",
            Text(f"«{cell}» n'est pas un type de mot-clé ({names})", f"«{cell}» is no type of keyword ({names})"),
        )
    return found


def text(cell: str) -> str:
    """Read words; a character that XML cannot carry is refused, since it would be lost."""
    strange = FORBIDDEN.search(cell)
    if strange:
        code = f"U+{ord(strange[0]):04X}"
        raise CellError(
            "VALUE_CHARACTER",
            Text(
                f"le caractère {code} ne peut pas figurer dans un bordereau",
                f"the character {code} cannot stand in a manifest",
            ),
        )
    return cell
