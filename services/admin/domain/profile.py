"""Archival profiles (*profils d'archivage*): what a manifest must be like, beyond SEDA's own grammar.

A version goes draft → approved → withdrawn; only its approval lets an agreement list it.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from shared.profiles.kinds import Kind

State = Literal["draft", "approved", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile by the identifier that manifests name; without establishment it is open to all agreements.

    `version` is the number of its newest version, 0 when it has none.
    """

    id: UUID
    identifier: str
    establishment: UUID | None
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class ProfileVersion:
    """One version of a profile, its content aside; `size` in bytes, `sha512` of the content as uploaded."""

    id: UUID
    profile: UUID
    version: int
    kind: Kind
    entry: str | None
    sha512: str
    size: int
    seda_versions: tuple[str, ...]
    uploaded_by: str
    uploaded_at: datetime
    state: State = "draft"
    approved_by: str | None = None
    approved_at: datetime | None = None
    declared: str | None = None
    declared_on: date | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    reason: str | None = None
