"""Organisations: whoever has a part in the archive."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

Kind: TypeAlias = Literal[
    "establishment", "archival_agency", "archiving_operator", "submission_operator", "control_authority"
]


@dataclass(frozen=True, slots=True)
class Organisation:
    """One version of an organisation, the current one; `version` counts its changes from 1."""

    id: UUID
    version: int
    kind: Kind
    identifier: str
    name: str
    siret: str | None = None
    department: str | None = None
