"""The HTTP face of renewals: what falls due and when, what is under way, and the containers."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from services.proof import renewal_listing as listing
from services.proof.algorithms import ALWAYS
from services.proof.renewal_calendar import Calendar, Lasting
from services.proof.renewal_listing import CampaignState, Listed, TreeState
from shared.clock import rfc3339
from shared.descriptions import content_of
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase
from shared.problems import not_found

Reader = Annotated[Caller, requires(Permission.JOURNAL_READ)]
Watcher = Annotated[Caller, requires(Permission.AUDIT_READ)]
TAR = "application/x-tar"

Content = Callable[[int], Awaitable[AsyncIterator[bytes]]]


def renewal_routes(database: RoomDatabase, content: Content, calendar: Calendar) -> APIRouter:
    """Return the routes of renewals; `content` gives the container of one."""
    router = APIRouter(prefix="/proof/v1", tags=["renewals"])

    @router.get("/renewals")
    async def show_renewals(_caller: Watcher, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
        """Tell what is to be renewed and when: tokens by the day they fall due, trees by their algorithm.

        `campaigns` are renewals of trees, `renewals` the newest ones of either kind; one without `token_at` waits.
        """
        async with database.snapshot() as connection:
            lasting = await calendar.lasting(connection)
            trees = await listing.trees(connection)
            campaigns = await listing.campaigns(connection, limit)
            renewals = await listing.renewals(connection, limit)
        return {
            "margin_days": calendar.margin.days,
            "tokens": _due(lasting, calendar)[:limit],
            "trees": [_tree(one, calendar) for one in trees],
            "campaigns": [_campaign(one) for one in campaigns],
            "renewals": [_renewal(one) for one in renewals],
        }

    @router.get("/renewals/{number}/content", response_class=Response, responses={200: content_of(TAR)})
    async def get_renewal(number: Annotated[int, Path(ge=1, le=2**53 - 1)], caller: Reader) -> Response:
        """Return the container of a renewal that has its token, as it lies on every site (docs/proof-format.md)."""
        if caller.scope(Permission.JOURNAL_READ).establishments is not None:
            raise not_found()  # it is over what all have
        try:
            chunks = await content(number)
        except LookupError:
            raise not_found() from None
        return StreamingResponse(chunks, media_type=TAR)

    return router


def _due(lasting: Sequence[Lasting], calendar: Calendar) -> list[dict[str, Any]]:
    days: Counter[tuple[date, date, str, str]] = Counter(
        (one.due(calendar.margin).date(), one.until.date(), one.because, one.head.algorithm) for one in lasting
    )
    return [
        {
            "due": due.isoformat(),
            "ends": ends.isoformat(),
            "because": because,
            "algorithm": algorithm,
            "tokens": count,
        }
        for (due, ends, because, algorithm), count in sorted(days.items())
    ]


def _tree(one: TreeState, calendar: Calendar) -> dict[str, Any]:
    ends = calendar.algorithms.digest_ends(one.algorithm)
    due = calendar.tree_due(one.algorithm)
    return {
        "algorithm": one.algorithm,
        "ends": None if ends == ALWAYS else ends.date().isoformat(),
        "due": None if ends == ALWAYS else due.date().isoformat(),
        "packages": one.packages,
        "runs": one.runs,
    }


def _campaign(one: CampaignState) -> dict[str, Any]:
    return {
        "number": one.number,
        "algorithm": one.algorithm,
        "through_seal": one.through,
        "began_at": rfc3339(one.began_at),
        "ended_at": _moment(one.ended_at),
        "read": one.read,
        "renewed": one.renewed,
        "left": one.left,
    }


def _renewal(one: Listed) -> dict[str, Any]:
    return {
        "number": one.number,
        "kind": one.kind,
        "at": rfc3339(one.at),
        "algorithm": one.algorithm,
        "probative": one.probative,
        "sha512": one.sha512,
        "authority": one.authority,
        "token_at": _moment(one.token_at),
        "certificate_ends": _moment(one.certificate_ends),
        "stored_at": _moment(one.stored_at),
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
