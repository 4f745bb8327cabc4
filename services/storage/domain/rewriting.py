"""What a partial purge is written by: everything the new version's bytes depend on besides the old version's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RewritePlan:
    """Committed before the first byte of the new version, so that any worker writes the same bytes.

    `version` is the new one's number. `list_sha512` is the digest of the elimination list that was signed,
    `visa_sha512` that of the visa (code du patrimoine, art. L212-2); times are RFC 3339 UTC texts, `planned_at`
    when this plan was made; `software` is our release.
    """

    order_id: UUID
    aip_id: UUID
    version: int
    list_sha512: str
    visa_sha512: str
    ordered_at: str
    planned_at: str
    software: str


def to_json(plan: RewritePlan) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in asdict(plan).items()}


def of_json(values: Mapping[str, Any]) -> RewritePlan:
    """Read a plan that `to_json` wrote."""
    return RewritePlan(
        **{**values, "order_id": UUID(values["order_id"]), "aip_id": UUID(values["aip_id"])},
    )


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What there is to know of the new version; positions and sizes are bytes, `gone_` counts what was purged.

    `objects` are the identifiers of the data objects that were.
    """

    sha512: str
    size: int
    catalogue_offset: int
    catalogue_length: int
    catalogue_sha512: str
    gone_units: int
    objects: tuple[UUID, ...]
    gone_files: int
    gone_bytes: int

    @property
    def gone_objects(self) -> int:
        """Say how many objects were purged."""
        return len(self.objects)
