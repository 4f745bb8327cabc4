"""An act of a local authority, as ACTES describes it: its day, number, nature, matter and subject."""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from chartrier_client.language import Text
from chartrier_client.municipal.fields import missing_faults
from chartrier_client.municipal.refusal import FlowError, refuse

NATURES = {
    "1": "Délibération",
    "2": "Arrêté réglementaire",
    "3": "Arrêté individuel",
    "4": "Contrat, convention ou avenant",
    "5": "Document budgétaire ou financier",
    "6": "Autre acte",
}
"""The codes of natures, and what an act of each is called."""
DELIBERATION = "1"

_MATTER = re.compile(r"[1-9](\.[0-9]{1,2}){0,4}")


@dataclass(frozen=True, slots=True)
class Act:
    """One act with its papers; `matter` as in `3.1`, `receipt` the identifier of its acknowledgement (ARActe)."""

    day: date
    number: str
    nature: str
    matter: str
    subject: str
    document: Path
    annexes: tuple[Path, ...] = ()
    receipt: str | None = None

    def __post_init__(self) -> None:
        named = {"numero": self.number, "nature": self.nature, "matiere": self.matter, "objet": self.subject}
        refuse(
            f"acte {self.number}",
            [
                *missing_faults(named, named),
                nature_fault(self.nature),
                matter_fault(self.matter),
                *(paper_fault(path) for path in (self.document, *self.annexes)),
            ],
        )


def nature_fault(nature: str) -> Text | None:
    """Tell what is wrong with a nature that is given."""
    if nature in NATURES or not nature:
        return None
    return Text(f"nature : « {nature} » n'est pas un code de 1 à 6", f"nature: “{nature}” is not a code from 1 to 6")


def matter_fault(matter: str) -> Text | None:
    """Tell what is wrong with a matter that is given."""
    if _MATTER.fullmatch(matter) or not matter:
        return None
    return Text(
        f"matiere : « {matter} » n'est pas un code de matière (3.1)",
        f"matiere: “{matter}” is not the code of a matter (3.1)",
    )


def paper_fault(path: Path) -> Text | None:
    """Tell what is wrong with a paper of an act."""
    if path.is_file() and not path.is_symlink():
        return None
    return Text(f"le fichier {path.name} manque", f"the file {path.name} is missing")


def paper_in(folder: Path, name: str) -> Path:
    """Return where a paper named by a table or a message is; raises `FlowError` for one outside the folder."""
    path = folder / name
    if not name:
        raise FlowError(folder.name, [Text("fichier manque", "fichier is missing")])
    if not path.resolve().is_relative_to(folder.resolve()):
        outside = Text(f"le fichier {name} est hors du dossier", f"the file {name} is outside the folder")
        raise FlowError(folder.name, [outside])
    return path
