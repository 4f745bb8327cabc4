"""Kinds of attestations, and why one is not issued."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What is attested, of those that can be asked for."""

    DEPOSIT = "deposit"
    INTEGRITY = "integrity"
    ELIMINATION = "elimination"
    COMMUNICATION = "communication"


class Refusal(StrEnum):
    """Why an attestation is not issued."""

    NOT_WHOLE = "copies_not_whole"
    UNREADABLE = "copies_unreadable"
    NOT_SEALED = "not_sealed_yet"


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """What was found wrong, or could not be seen: nothing is attested."""

    why: Refusal
    checks: Sequence[Mapping[str, Any]]

    def told(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {"why": self.why.value, "checks": list(self.checks)}


LABELS: Mapping[str, str] = {
    "copy.map": "Empreinte connue du stockage",
    "copy.digest": "Exemplaire relu en entier",
    "package.files": "Fichiers du paquet, un à un",
    "package.group": "Groupe des fichiers",
    "leaf.sealed": "Présence dans le sceau",
    "seal.token": "Jeton d'horodatage",
    "seal.chain": "Chaîne des sceaux",
    "receipt.package": "Reçu contre paquet",
    "receipt.line": "Ligne de journal du reçu",
    "acceptance": "Acceptation du versement",
}
"""Checks as a reader of French knows them."""
