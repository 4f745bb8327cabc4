"""Read what a PES v2 flow says of itself, in one pass: flows of 128 MB are met, and none is held in memory.

PES_Aller is what a municipality sends to its public accountant. Values are attributes named V; only the root element
is in the protocol's namespace.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from chartrier_client.language import Text
from chartrier_client.municipal.fields import day_fault, day_of, siret_fault
from chartrier_client.municipal.one_pass import NotOurs, read_in_one_pass
from chartrier_client.municipal.refusal import refuse

NAMESPACE = "http://www.minefi.gouv.fr/cp/helios/pes_v2/Rev0/aller"
ROOT = f"{NAMESPACE} PES_Aller"
DOMAINS = {
    "PES_DepenseAller": "dépenses",
    "PES_RecetteAller": "recettes",
    "PES_Facture": "factures",
    "PES_Marche": "marchés",
    "PES_PJ": "pièces justificatives",
}
"""What a flow may carry, and what people call it."""

# Where a value stands below the root → the field it becomes.
_HEADER = {
    ("Enveloppe", "Parametres", "NomFic"): "NomFic",
    ("Enveloppe", "Parametres", "TypFic"): "TypFic",
    ("EnTetePES", "DteStr"): "DteStr",
    ("EnTetePES", "IdPost"): "IdPost",
    ("EnTetePES", "IdColl"): "IdColl",
    ("EnTetePES", "CodCol"): "CodCol",
    ("EnTetePES", "CodBud"): "CodBud",
    ("EnTetePES", "LibelleColBud"): "LibelleColBud",
}
# Debit orders have the one, revenue orders the other.
_PIECE = (("Piece", "BlocPiece", "InfoPce", "IdPce"), ("Piece", "BlocPiece", "IdPce"))


@dataclass(frozen=True, slots=True)
class Bordereau:
    """A numbered list of orders of payment or of revenue; `pieces` are the orders' numbers, as written."""

    domain: str
    number: str
    fiscal_year: str
    kind: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PesFlow:
    """What a flow says of itself; `domains` are those of `DOMAINS` it carries, maybe none."""

    name: str
    kind: str
    date: date
    accountant_post: str
    siret: str
    municipality_code: str
    budget_code: str
    budget_label: str
    domains: tuple[str, ...]
    bordereaux: tuple[Bordereau, ...]


def read_pes(path: Path) -> PesFlow:
    """Read a PES_Aller file; raises `FlowError` with all that is wrong with it."""
    reading = _Reading()
    read_in_one_pass(path, reading)
    return _flow(path.name, reading)


@dataclass(slots=True)
class _Open:
    """A bordereau being read."""

    domain: str
    values: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)


class _Reading:
    """What was read so far; `_path` are the local names from below the root to where we are."""

    def __init__(self) -> None:
        self.header: dict[str, str] = {}
        self.domains: list[str] = []
        self.bordereaux: list[Bordereau] = []
        self._path: list[str] = []
        self._inside = False
        self._open: _Open | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._inside:
            if name != ROOT:
                raise NotOurs(f"la racine est « {name} », et non « {ROOT} »", f"the root is “{name}”, not “{ROOT}”")
            self._inside = True
            return
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) == 1 and self._path[0] in DOMAINS:
            self.domains.append(self._path[0])
        elif len(self._path) == 2 and self._path[1] == "Bordereau":
            self._open = _Open(self._path[0])
        elif "V" in attributes:
            self._value(attributes["V"].strip())

    def end(self, _name: str) -> None:
        if self._open is not None and len(self._path) == 2:
            said = self._open.values
            pieces = tuple(self._open.pieces)
            year, kind = said.get("Exer", ""), said.get("TypBord", "")
            self.bordereaux.append(Bordereau(self._open.domain, said.get("IdBord", ""), year, kind, pieces))
            self._open = None
        if self._path:
            self._path.pop()

    def _value(self, value: str) -> None:
        here = tuple(self._path)
        if here in _HEADER:
            self.header.setdefault(_HEADER[here], value)
        elif self._open is not None and here[2:3] == ("BlocBordereau",) and len(here) == 4:
            self._open.values.setdefault(here[3], value)
        elif self._open is not None and here[2:] in _PIECE:
            self._open.pieces.append(value)


def _flow(place: str, reading: _Reading) -> PesFlow:
    said = {name: reading.header.get(name, "") for name in _HEADER.values()}
    refuse(
        place,
        [
            None if said["NomFic"] else Text("NomFic manque", "NomFic is missing"),
            day_fault("DteStr", said["DteStr"]),
            siret_fault("IdColl", said["IdColl"]),
        ],
    )
    return PesFlow(
        name=said["NomFic"],
        kind=said["TypFic"],
        date=day_of(said["DteStr"]) or date.min,  # never the latter: it was refused above
        accountant_post=said["IdPost"],
        siret=said["IdColl"],
        municipality_code=said["CodCol"],
        budget_code=said["CodBud"],
        budget_label=said["LibelleColBud"],
        domains=tuple(dict.fromkeys(reading.domains)),
        bordereaux=tuple(reading.bordereaux),
    )
