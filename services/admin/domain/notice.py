"""What a webhook says: thin, so that whoever reads it knows what to ask for, and nothing about anybody."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.admin.domain.webhook import Event
from shared.clock import rfc3339


@dataclass(frozen=True, slots=True)
class Notice:
    """One event. `message` is what its receivers know it by; without a transfer it is about the endpoint alone.

    `answers` are the SEDA answers that can be had from now on: the last parts of their paths.
    """

    message: UUID
    event: Event
    occurred_at: datetime
    transfer: UUID | None = None
    establishment: UUID | None = None
    agreement: UUID | None = None
    answers: Sequence[str] = ()
    findings: Sequence[str] = ()
    also: Mapping[str, Any] = field(default_factory=dict)


def body(notice: Notice, base_url: str) -> str:
    """Return the JSON of a notice (Standard Webhooks 1.0: ``type``, ``timestamp``, ``data``)."""
    told = {"type": notice.event.value, "timestamp": rfc3339(notice.occurred_at), "data": _data(notice, base_url)}
    return json.dumps(told, separators=(",", ":"))


def _data(notice: Notice, base_url: str) -> dict[str, Any]:
    if notice.transfer is None:
        return dict(notice.also)
    here = f"{base_url.rstrip('/')}/ingest/v1/transfers/{notice.transfer}"
    return {
        "transfer": str(notice.transfer),
        "establishment": str(notice.establishment),
        "agreement": None if notice.agreement is None else str(notice.agreement),
        "findings": sorted(set(notice.findings)),
        "links": {"transfer": here, **{name: f"{here}/{name}" for name in notice.answers}},
        **notice.also,
    }
