"""Renewals over HTTP and in figures: what falls due, what is under way, and for whom."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from services.proof.renewal_measures import renewal_measures
from shared.clock import now
from shared.identity.rights import Role
from shared.messaging.transaction import RoomDatabase
from shared.object_store.filesystem import FilesystemStore
from tests.integration.proof.seals import EMPTY, a_package, parts_of
from tests.integration.proof.test_evidence_routes import As
from tests.integration.proof.test_evidence_routes import seen_by as seen_by  # noqa: PLC0414 (a fixture)
from tests.integration.proof.years import LASTS, MARGIN, Years
from tests.servers import Databases

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)


@pytest.fixture
async def years(
    databases: Databases, database: RoomDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Years]:
    await databases.as_superuser(EMPTY)
    staging = FilesystemStore(tmp_path / "proofs")
    await staging.prepare()
    yield Years(database, staging, monkeypatch)
    await staging.close()


async def test_the_calendar_says_what_falls_due_and_why(years: Years, seen_by: As) -> None:
    await a_package(years.database, [b"\1" * 64, b"\2" * 64], years.time())
    await years.seal()
    await years.seal()
    ends = (years.time.now - DAY + LASTS).date()

    told = (await seen_by(Role.OPERATOR).get("/proof/v1/renewals")).json()

    (due,) = told["tokens"]
    assert due == {
        "due": (ends - MARGIN).isoformat(),
        "ends": ends.isoformat(),
        "because": "certificate",
        "algorithm": "sha512",
        "tokens": 2,
    }
    assert told["trees"] == [{"algorithm": "sha512", "ends": None, "due": None, "packages": 1, "runs": 0}]
    assert (told["margin_days"], told["campaigns"], told["renewals"]) == (180, [], [])


async def test_a_renewal_is_shown_and_given_to_who_may_read_all_journals(years: Years, seen_by: As) -> None:
    await years.seal()
    years.time.goes_to(2030, 6)
    years.new_certificate()
    await years.seal()
    await years.renewer.plan()
    waiting = (await seen_by(Role.OPERATOR).get("/proof/v1/renewals")).json()["renewals"]
    unstamped = await seen_by(Role.AUDITOR).get("/proof/v1/renewals/1/content")
    await years.renew()

    (shown,) = (await seen_by(Role.OPERATOR).get("/proof/v1/renewals")).json()["renewals"]
    given = await seen_by(Role.AUDITOR).get("/proof/v1/renewals/1/content")

    assert [one["token_at"] for one in waiting] == [None]
    assert (shown["number"], shown["kind"], shown["probative"]) == (1, "timestamp", False)
    assert shown["token_at"].startswith("2030-06-01")
    assert given.content == await years.staged("renewal", 1)
    assert "renewal.json" in parts_of(given.content)
    assert unstamped.status_code == 404
    assert (await seen_by(Role.AUDITOR, uuid4()).get("/proof/v1/renewals/1/content")).status_code == 404
    assert (await seen_by(Role.AUDITOR).get("/proof/v1/renewals/2/content")).status_code == 404


@pytest.mark.parametrize("role", [Role.DEPOSITOR, Role.READER, Role.PRODUCER])
async def test_renewals_are_not_for_everybody(seen_by: As, role: Role) -> None:
    client = seen_by(role, uuid4())

    assert (await client.get("/proof/v1/renewals")).status_code == 403
    assert (await client.get("/proof/v1/renewals/1/content")).status_code == 403


async def test_what_is_overdue_is_measured(years: Years) -> None:
    (measure,) = renewal_measures(years.calendar)
    await measure.take(years.database)
    assert figures("token") == figures("tree") == (0, 0)
    await a_package(years.database, [b"\1" * 64], years.time())
    await years.seal()
    falls = datetime.combine(now().date() + 100 * DAY, datetime.min.time(), UTC)
    years.falls("sha512", falls)
    years.falls("sha256", falls)

    await measure.take(years.database)

    assert figures("token") == figures("tree")
    overdue, ends = figures("tree")
    assert ends == falls.timestamp()
    assert overdue == pytest.approx((now() - falls + MARGIN).total_seconds(), abs=60)


def figures(kind: str) -> tuple[float, float]:
    names = ("chartrier_renewal_overdue_seconds", "chartrier_proof_ends_timestamp_seconds")
    overdue, ends = (REGISTRY.get_sample_value(name, {"kind": kind}) or 0 for name in names)
    return round(overdue), ends
