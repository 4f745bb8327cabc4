"""The HTTP edge of audits: how far they are, and those that an operator or an auditor asks for. No content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.storage.audit_survey import Surveyor
from services.storage.domain.forecasts import Progress
from services.storage.paging import USUAL, Cursor, PageSize, a_page
from services.storage.queries import runs
from services.storage.queries.runs import Part, Run
from services.storage.runs import COHERENCE, SAMPLE, Wish, ask, is_good
from services.storage.settings import StorageSettings
from shared.clock import rfc3339
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.problems import Problem, not_found

PREFIX = "/storage/v1/audits"
NAMED = 1000
"""Copies and keys of a run that an answer names."""

MOST_DRAWN = 1_000_000
"""Copies of a site that a share may come to: each is a row, and is read."""

NOTHING: Mapping[str, Mapping[str, int]] = MappingProxyType({})

router = APIRouter(prefix=PREFIX, tags=["audits"])


@dataclass(frozen=True)
class Audits:
    """What the edge works with."""

    database: RoomDatabase
    surveyor: Surveyor
    settings: StorageSettings
    sites: Sequence[str]


def _audits(request: Request) -> Audits:
    audits: Audits = request.app.state.audits
    return audits


Parts = Annotated[Audits, Depends(_audits)]
SiteName = Annotated[str, Field(min_length=1, max_length=200)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sample(_Body):
    sites: Annotated[tuple[SiteName, ...], Field(min_length=1, max_length=100)] | None = None
    establishment: UUID | None = None
    kind: Literal["aip", "record", "journal"] | None = None


class CountedSample(_Sample):
    """So many copies of each site, drawn by lot."""

    count: Annotated[int, Field(ge=1, le=100_000, strict=True)]


class SharedSample(_Sample):
    """A share of the copies of each site, drawn by lot."""

    share: Annotated[float, Field(gt=0, le=1, strict=True)]


class Comparison(_Body):
    """The site whose list is to be compared with the copy map."""

    site: SiteName


@router.get("")
async def get_audits(audits: Parts, caller: Annotated[Caller, requires(Permission.AUDIT_READ)]) -> dict[str, Any]:
    """Say for each site how much of all there is was read within the period, and when the rest will have been."""
    if caller.scope(Permission.AUDIT_READ).establishments is not None:
        raise not_found()
    survey = await audits.surveyor.look()
    return {
        "measured_at": rfc3339(survey.at),
        "period_days": audits.settings.audit_period_days,
        "sites": [
            {"site": site, "round_began_at": _moment(survey.rounds.get(site)), **_progress(one)}
            for site, one in survey.sites.items()
        ],
    }


@router.post("/samples", status_code=202)
async def ask_sample(
    body: CountedSample | SharedSample,
    audits: Parts,
    caller: Annotated[Caller, requires(Permission.AUDIT_ASK)],
    response: Response,
) -> dict[str, Any]:
    """Have copies drawn by lot read now, on every site or on those named."""
    if body.establishment is None:
        _require_platform(caller)
    elif body.establishment not in caller.scope(Permission.AUDIT_ASK):
        raise not_found()
    sites = sorted(set(body.sites or audits.sites))
    _require_declared(audits, sites)
    wanted = body.model_dump(include={"count", "share", "kind"}, exclude_none=True)
    async with audits.database.begin() as tx:
        if caller.scope(Permission.AUDIT_ASK).establishments is not None and body.establishment is not None:
            await _require_none_open(tx, body.establishment)
        if isinstance(body, SharedSample):
            await _require_drawable(tx, body, sites)
        return await _ask(tx, Wish(SAMPLE, caller.subject, sites, body.establishment, wanted), response)


@router.post("/coherence", status_code=202)
async def ask_coherence(
    body: Comparison,
    audits: Parts,
    caller: Annotated[Caller, requires(Permission.AUDIT_ASK)],
    response: Response,
) -> dict[str, Any]:
    """Have what a whole site lists compared with the copy map, both ways; nothing is deleted."""
    _require_platform(caller)
    _require_declared(audits, [body.site])
    async with audits.database.begin() as tx:
        return await _ask(tx, Wish(COHERENCE, caller.subject, [body.site]), response)


@router.get("/runs")
async def get_runs(
    audits: Parts,
    caller: Annotated[Caller, requires(Permission.AUDIT_READ)],
    cursor: Cursor = None,
    limit: PageSize = USUAL,
) -> dict[str, Any]:
    """List the audits that were asked for, the newest first; those of the whole platform only to whom it is shown."""
    within = caller.scope(Permission.AUDIT_READ).establishments
    async with audits.database.reading() as connection:
        found = await runs.page(connection, within, cursor, limit)
    return a_page(found, limit, lambda one: _run(*one), lambda one: one[0].id)


@router.get("/runs/{run_id}")
async def get_run(
    run_id: str, audits: Parts, caller: Annotated[Caller, requires(Permission.AUDIT_READ)]
) -> dict[str, Any]:
    """Say what came of an audit that was asked for: counts by site, and by name what was not found whole."""
    scope = caller.scope(Permission.AUDIT_READ)
    async with audits.database.snapshot() as connection:
        run = await runs.find(connection, _as_id(run_id))
        if run is None or (scope.establishments is not None and run.establishment not in scope.establishments):
            raise not_found()
        parts = await runs.parts(connection, run.id)
        under_way = {
            part.site: await runs.outcomes(connection, run.id, part.site)
            for part in parts
            if run.kind == SAMPLE and part.ended_at is None
        }
        named = await runs.named(connection, run.id, NAMED + 1)
    return {
        **_run(run, parts, under_way),
        "named": [{"site": site, "key": key, "outcome": outcome} for site, key, outcome in named[:NAMED]],
        "more": len(named) > NAMED,
    }


async def _ask(tx: Transaction, wish: Wish, response: Response) -> dict[str, Any]:
    await ask(tx, wish)
    response.headers["Location"] = f"{PREFIX}/runs/{wish.id}"
    return {"id": str(wish.id), "kind": wish.kind, "sites": list(wish.sites)}


def _as_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise not_found() from error


def _require_platform(caller: Caller) -> None:
    if caller.scope(Permission.AUDIT_ASK).establishments is not None:
        raise Problem(
            403,
            "whole_platform_only",
            "Votre mandat ne porte pas sur toute la plateforme ; nommez un établissement qu'il couvre.",
            "Your mandate is not for the whole platform; name an establishment that it covers.",
        )


def _require_declared(audits: Audits, sites: Sequence[str]) -> None:
    if unknown := sorted(set(sites) - set(audits.sites)):
        raise Problem(
            422,
            "site_unknown",
            f"Aucun site déclaré ne s'appelle ainsi : {unknown[0]}.",
            f"No declared site is called so: {unknown[0]}.",
        )


async def _require_none_open(tx: Transaction, establishment: UUID) -> None:
    if await runs.is_sampled(tx.connection, establishment):
        raise Problem(
            409,
            "sample_under_way",
            "Un échantillon de cet établissement est en cours de lecture ; attendez sa fin.",
            "A sample of this establishment is being read; wait until it has ended.",
        )


async def _require_drawable(tx: Transaction, body: SharedSample, sites: Sequence[str]) -> None:
    """Refuse more than `MOST_DRAWN` copies of a site; no more are counted than it takes to know."""
    most = int(MOST_DRAWN / body.share) + 1
    for site in sites:
        if await runs.drawable(tx.connection, site, body.establishment, body.kind, most) >= most:
            raise Problem(
                422,
                "sample_too_large",
                f"Cette part dépasse {MOST_DRAWN} copies du site {site} ; demandez-en une plus petite.",
                f"This share is more than {MOST_DRAWN} copies of site {site}; ask for a smaller one.",
            )


def _progress(one: Progress) -> dict[str, Any]:
    return {
        "copies": one.copies,
        "bytes": one.bytes,
        "read_within_period": one.within,
        "due": one.due,
        "due_bytes": one.due_bytes,
        "late": one.late,
        "oldest_read_at": _moment(one.oldest),
        "bytes_per_second": None if one.bytes_per_second is None else round(one.bytes_per_second),
        "caught_up_at": _moment(one.caught_up_at),
        "missed_from": _moment(one.missed_from),
    }


def _run(run: Run, parts: Sequence[Part], under_way: Mapping[str, Mapping[str, int]] = NOTHING) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "kind": run.kind,
        "state": "running" if run.ended_at is None else "ended",
        "good": None if run.ended_at is None else all(is_good(part.counts) for part in parts),
        "asked_by": run.asked_by,
        "asked_at": rfc3339(run.asked_at),
        "ended_at": _moment(run.ended_at),
        "establishment": None if run.establishment is None else str(run.establishment),
        "wanted": dict(run.wanted),
        "sites": [
            {
                "site": part.site,
                "ended_at": _moment(part.ended_at),
                "counts": {**part.counts, **under_way.get(part.site, {})},
            }
            for part in parts
        ],
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)
