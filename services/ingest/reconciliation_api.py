"""The reconciliation over HTTP: what was received in a period, and what has become of each transfer."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from services.ingest import reconciliation
from services.ingest.api import PAGE, Parts, Reader
from services.ingest.domain.waiting import wait_text
from services.ingest.reconciliation import Asked, Pending
from shared.clock import now, rfc3339
from shared.identity.caller import Scope
from shared.identity.rights import Permission
from shared.problems import Problem, language_of

router = APIRouter(prefix="/ingest/v1", tags=["ingest"])

USUAL = timedelta(days=30)
LONGEST = timedelta(days=366)
"""Longer ones are added up: periods are half-open."""


def _in_words(value: object) -> object:
    # pydantic takes a number for seconds since 1970: nobody who writes one here means it.
    if isinstance(value, str) and value[4:5] != "-":
        raise ValueError("a date, a time and a zone are expected, as in 2026-01-31T00:00:00Z")
    return value


def _imaginable(moment: datetime) -> datetime:
    # A day or a month more or less of it is still a date.
    if not 1900 < moment.year < 9000:
        raise ValueError("no transfer was received in that year")
    return moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, BeforeValidator(_in_words), AfterValidator(_imaginable)]


class Period(BaseModel):
    """When transfers were received, `from` included and `to` not, and which page of those that are pending.

    Without `to` it lasts until now, without `from` it is the 30 days before its end: the answer names its period,
    so that whoever keeps it can ask for the same again.
    """

    model_config = ConfigDict(extra="forbid")

    start: Moment | None = Field(None, alias="from")
    end: Moment | None = Field(None, alias="to")
    cursor: UUID | None = None
    limit: int = Field(PAGE, ge=1, le=200)

    def of(self, scope: Scope) -> Asked:
        """Return what is asked for within a scope. Raises a 422 `Problem` for a period that is none, or too long."""
        end = self.end or now()
        asked = Asked(scope.establishments, self.start or end - USUAL, end)
        if not timedelta(0) < asked.end - asked.start <= LONGEST:
            raise Problem(
                422,
                "bad_period",
                f"La période va d'un instant à un autre qui le suit de {LONGEST.days} jours au plus.",
                f"A period goes from one moment to a later one, {LONGEST.days} days after it at most.",
            )
        return asked


@router.get("/reconciliation")
async def get_reconciliation(
    request: Request, caller: Reader, ingest: Parts, period: Annotated[Period, Query()]
) -> dict[str, Any]:
    """Account for the transfers of the caller's establishments that were received in a period.

    ``received`` is counted by itself; ``balanced`` says whether it is ``accepted`` + ``rejected`` + ``pending``.
    Each pending transfer is named, oldest first, with what it waits for. Dry runs are not counted.
    """
    asked = period.of(caller.scope(Permission.TRANSFER_READ))
    async with ingest.database.snapshot() as connection:
        counts = await reconciliation.count(connection, asked)
        found = await reconciliation.pending(connection, asked, period.cursor, period.limit + 1)
    page = found[: period.limit]
    language = language_of(request.headers.get("accept-language"))
    return {
        # As asked for, to the microsecond.
        "from": asked.start.isoformat(),
        "to": asked.end.isoformat(),
        "at": rfc3339(counts.at),
        "received": counts.received,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "pending": counts.pending,
        "balanced": counts.is_balanced,
        "items": [_view(one, language) for one in page],
        "next": str(page[-1].id) if len(found) > period.limit else None,
    }


def _view(pending: Pending, language: str) -> dict[str, Any]:
    return {
        "id": str(pending.id),
        "establishment": str(pending.establishment),
        "message_identifier": pending.message_identifier,
        "state": pending.state,
        "received_at": rfc3339(pending.received_at),
        "waits_for": pending.wait,
        "since": rfc3339(pending.since),
        "reason": wait_text(pending.wait, language),
        "links": {"self": f"/ingest/v1/transfers/{pending.id}"},
    }
