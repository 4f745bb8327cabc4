"""What was received in a period is accepted, rejected, or named as pending: for whom it may be told, and no other."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import queries, reconciliation
from services.ingest.domain.transfer import TransferState
from services.ingest.queries import Move
from services.ingest.reconciliation import Asked, Pending
from services.ingest.reconciliation_api import router
from services.ingest.tables import transfer
from shared.database.plumbing import dead_letter, work
from shared.identifiers import new_id
from shared.identity.rights import RIGHTS, Permission, Role
from shared.messages.storage import AipStoredV1
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.explaining import explained

pytestmark = pytest.mark.integration

PLACE = "/ingest/v1/reconciliation"
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
WITHIN = START + timedelta(days=3)
MARCH = {"from": START.isoformat(), "to": END.isoformat()}
TOWN, OTHER = uuid4(), uuid4()


async def nothing() -> None: ...


async def ask(
    bench: Bench, token: str, asked: Mapping[str, str] = MARCH, language: str = "fr"
) -> tuple[int, dict[str, Any]]:
    app: FastAPI = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as http:
        answer = await http.get(PLACE, params=asked)
    return answer.status_code, answer.json()


async def told(bench: Bench, asked: Mapping[str, str] = MARCH, *towns: UUID) -> dict[str, Any]:
    status, body = await ask(bench, a_token(Role.ARCHIVIST, *towns), asked)
    assert (status, body.get("balanced")) == (200, True), body
    return body


def numbers(body: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(body[name] for name in ("received", "accepted", "rejected", "pending"))


async def add(bench: Bench, state: str, *, at: datetime = WITHIN, town: UUID = TOWN, **values: object) -> UUID:
    """Enter a transfer as if it had come at a moment, and had come so far."""
    row = {
        "id": new_id(),
        "establishment": town,
        "agreement": uuid4(),
        "agreement_version": 1,
        "depositor": "client:tests",
        "state": state,
        "received_at": at,
        "changed_at": at + timedelta(hours=1),
        "staging_key": "x",
        "size": 1,
        "sha512": uuid4().hex,
        **values,
    }
    async with bench.database.begin() as tx:
        await tx.connection.execute(insert(transfer).values(row))
    return UUID(str(row["id"]))


async def test_each_state_is_counted_once_and_the_pending_are_named(bench: Bench) -> None:
    pending = [state for state in TransferState if state not in {"accepted", "rejected", "judged"}]
    named = {str(await add(bench, state)): state for state in pending}
    for state, times in (("accepted", 3), ("rejected", 2)):
        for _ in range(times):
            await add(bench, state)

    body = await told(bench)

    assert numbers(body) == (5 + len(pending), 3, 2, len(pending))
    assert {item["id"]: item["state"] for item in body["items"]} == named
    assert [item["id"] for item in body["items"]] == sorted(named)
    assert body["next"] is None


async def test_a_pending_transfer_says_whose_it_is_what_it_waits_for_and_since_when(bench: Bench) -> None:
    early = await add(bench, "checking", header={"message_identifier": "read before the verdict"})
    decided = await add(bench, "awaiting_decision", message_identifier="known")

    _, body = await ask(bench, a_token(Role.ARCHIVIST))
    _, english = await ask(bench, a_token(Role.ARCHIVIST), language="en")

    assert body["items"][1] == {
        "id": str(decided),
        "establishment": str(TOWN),
        "message_identifier": "known",
        "state": "awaiting_decision",
        "received_at": "2026-03-04T00:00:00.000Z",
        "waits_for": "archivist",
        "since": "2026-03-04T01:00:00.000Z",
        "reason": "il attend la décision d’un archiviste",
        "links": {"self": f"/ingest/v1/transfers/{decided}"},
    }
    assert body["items"][0]["message_identifier"] == "read before the verdict"
    assert [english["items"][1][name] for name in ("id", "reason")] == [
        str(decided),
        "it awaits an archivist's decision",
    ]
    assert str(early) == body["items"][0]["id"]


async def test_work_that_waits_for_the_world_says_for_what(bench: Bench, without_scanner: Bench) -> None:
    deposited = await without_scanner.deposit()
    held = await bench.lease()
    waits = [await first_wait(bench)]
    loop_error = "ScannerAway: clamd"
    change = work.update().where(work.c.id == held.id)
    for values in ({"leased_until": None, "last_error": loop_error}, {"last_error": "StoreFull: no room"}):
        async with bench.database.begin() as tx:
            await tx.connection.execute(change.values(values))
        waits.append(await first_wait(bench))
    await bench.databases.as_superuser("UPDATE ingest.work SET not_before = 'infinity'")
    waits.append(await first_wait(bench))
    await bench.databases.as_superuser("DELETE FROM ingest.work")
    waits.append(await first_wait(bench))

    assert waits == [(str(deposited.id), wait) for wait in ("checks", "scanner", "room", "set_aside", "no_work")]


async def first_wait(bench: Bench) -> tuple[str, str]:
    (item,) = (await told(bench, {}))["items"]
    return item["id"], item["waits_for"]


async def test_news_in_a_dead_letter_is_what_is_waited_for_while_it_is_awaited(bench: Bench) -> None:
    storing, passed = await add(bench, "storing", built={"size": 1}), await add(bench, "recording")
    died = WITHIN + timedelta(days=1)
    letters = [
        (AipStoredV1.topic, f'{{"transfer_id":"{storing}","message_id":"{new_id()}"}}'.encode()),
        # It came too late to matter: another message has taken its transfer on.
        (AipStoredV1.topic, f'{{"transfer_id":"{passed}"}}'.encode()),
        (AipStoredV1.topic, b'\xff\x00\\ "transfer_id": of nobody'),
    ]
    rows = [
        {
            "message_id": new_id(),
            "consumer": "ingest.follow_aip",
            "topic": topic,
            "body": body,
            "reason": "KeyError: x",
        }
        for topic, body in letters
    ]
    async with bench.database.begin() as tx:
        await tx.connection.execute(insert(dead_letter).values(died_at=died), rows)

    items = (await told(bench))["items"]

    assert [(item["id"], item["waits_for"]) for item in items] == [
        (str(storing), "dead_letter"),
        (str(passed), "journal"),
    ]
    assert items[0]["since"] == "2026-03-05T00:00:00.000Z"


async def test_a_period_has_its_beginning_and_not_its_end_so_that_periods_add_up(bench: Bench) -> None:
    instant = timedelta(microseconds=1)
    for at in (START - instant, START, END - instant, END):
        await add(bench, "accepted", at=at)
    halves = [
        {"from": START.isoformat(), "to": WITHIN.isoformat()},
        {"from": WITHIN.isoformat(), "to": END.isoformat()},
    ]

    assert numbers(await told(bench)) == (2, 2, 0, 0)
    assert [numbers(await told(bench, half))[0] for half in halves] == [1, 1]


async def test_a_period_in_another_zone_is_the_same_period(bench: Bench) -> None:
    await add(bench, "accepted", at=START)
    paris = {"from": "2026-03-01T01:00:00+01:00", "to": "2026-04-01T01:00:00+01:00"}

    body = await told(bench, paris)

    assert (numbers(body)[0], body["from"], body["to"]) == (
        1,
        "2026-03-01T00:00:00+00:00",
        "2026-04-01T00:00:00+00:00",
    )


async def test_without_a_period_it_is_the_last_thirty_days_and_says_which(bench: Bench) -> None:
    await add(bench, "accepted")
    await bench.deposit()

    body = await told(bench, {})
    again = await told(bench, {"from": body["from"], "to": body["to"]})

    assert datetime.fromisoformat(body["to"]) - datetime.fromisoformat(body["from"]) == timedelta(days=30)
    assert numbers(body) == numbers(again) == (1, 0, 0, 1)


async def test_dry_runs_are_no_deposits(bench: Bench) -> None:
    for state in ("received", "checking", "judged"):
        await add(bench, state, dry_run=True)

    body = await told(bench)

    assert (numbers(body), body["items"]) == ((0, 0, 0, 0), [])


async def test_a_transfer_in_no_state_that_is_told_does_not_balance(bench: Bench) -> None:
    """Received is no sum of the rest: what is lost between them shows."""
    await add(bench, "judged", dry_run=False)

    status, body = await ask(bench, a_token(Role.ARCHIVIST))

    assert (status, numbers(body), body["balanced"]) == (200, (1, 0, 0, 0), False)


async def test_pages_name_each_pending_transfer_once(bench: Bench) -> None:
    named = [str(await add(bench, "storing")) for _ in range(5)]
    seen: list[str] = []
    asked: dict[str, str] = {**MARCH, "limit": "2"}
    lengths = []
    while "cursor" not in asked or asked["cursor"]:
        body = await told(bench, asked)
        assert numbers(body) == (5, 0, 0, 5)
        seen += [item["id"] for item in body["items"]]
        lengths.append(len(body["items"]))
        asked["cursor"] = body["next"] or ""

    assert (seen, lengths) == (named, [2, 2, 1])


async def test_a_town_is_told_of_its_own_transfers_and_an_archivist_of_all(bench: Bench) -> None:
    mine, foreign = await add(bench, "storing"), await add(bench, "checking", town=OTHER)
    await add(bench, "accepted", town=OTHER)

    for towns, expected, named in (
        ((TOWN,), (1, 0, 0, 1), [mine]),
        ((OTHER,), (2, 1, 0, 1), [foreign]),
        ((TOWN, OTHER), (3, 1, 0, 2), [mine, foreign]),
        ((uuid4(),), (0, 0, 0, 0), []),
        ((), (3, 1, 0, 2), [mine, foreign]),
    ):
        body = await told(bench, MARCH, *towns)
        assert (numbers(body), [item["id"] for item in body["items"]]) == (expected, [str(one) for one in named])


@pytest.mark.parametrize("role", Role)
async def test_who_may_list_transfers_may_reconcile_them_and_nobody_else(bench: Bench, role: Role) -> None:
    status, _ = await ask(bench, a_token(role, TOWN))

    assert status == (200 if Permission.TRANSFER_READ in RIGHTS[role] else 403)


async def test_nobody_is_told_without_a_token(bench: Bench) -> None:
    assert (await ask(bench, ""))[0] == 401


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"from": "2026-03-01T00:00:00", "to": "2026-04-01T00:00:00Z"}, "invalid_request"),
        ({"from": "2026-03-01"}, "invalid_request"),
        ({"from": "1772323200"}, "invalid_request"),
        ({"from": "hier"}, "invalid_request"),
        ({"to": ""}, "invalid_request"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "invalid_request"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "invalid_request"),
        ({"since": "2026-03-01T00:00:00Z"}, "invalid_request"),
        ({"limit": "201"}, "invalid_request"),
        ({"cursor": "elsewhere"}, "invalid_request"),
        ({"from": MARCH["to"], "to": MARCH["from"]}, "bad_period"),
        ({"from": MARCH["from"], "to": MARCH["from"]}, "bad_period"),
        ({"from": "2999-01-01T00:00:00Z"}, "bad_period"),
        ({"from": "2024-01-01T00:00:00Z", "to": "2025-01-01T00:00:00.000001Z"}, "bad_period"),
    ],
)
async def test_a_period_that_is_none_is_refused(bench: Bench, asked: dict[str, str], code: str) -> None:
    status, body = await ask(bench, a_token(Role.ARCHIVIST), asked)

    assert (status, body["code"]) == (422, code)


async def test_a_leap_year_is_a_period(bench: Bench) -> None:
    await told(bench, {"from": "2024-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"})


async def test_what_is_concluded_meanwhile_is_counted_and_named_as_it_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    concluded = await add(bench, "recording")
    name_them = reconciliation.pending

    async def a_moment_later(connection: AsyncConnection, *asked: Any) -> list[Pending]:  # noqa: ANN401
        async with bench.database.begin() as tx:
            locked = await queries.lock_transfers(tx.connection, [concluded])
            await queries.move(tx.connection, [Move(locked[concluded], TransferState.ACCEPTED)])
        await add(bench, "received")
        return await name_them(connection, *asked)

    monkeypatch.setattr(reconciliation, "pending", a_moment_later)
    body = await told(bench)
    monkeypatch.undo()

    assert numbers(body) == (1, 0, 0, 1)
    assert [(item["id"], item["state"]) for item in body["items"]] == [(str(concluded), "recording")]
    assert numbers(await told(bench)) == (2, 1, 0, 1)


async def test_what_was_received_at_other_times_is_not_read(bench: Bench) -> None:
    await bench.databases.as_superuser(MANY, TOWN, OTHER)
    await add(bench, "storing")
    for statement in ("VACUUM ingest.transfer", "ANALYZE ingest.transfer"):
        await bench.databases.as_superuser(statement)

    for establishments in (None, frozenset({TOWN})):
        asked = Asked(establishments, START, END)
        async with bench.database.snapshot() as connection:
            plan = await explained(connection, reconciliation.counting(asked))
            plan += await explained(connection, reconciliation.naming(asked, None, 10))
        assert "ix_transfer_received" in plan, plan
        assert "ix_transfer_unfinished" in plan, plan
        assert "Seq Scan on transfer" not in plan, plan
        # Of ten thousand rows the two that each statement is about, and a step for each establishment.
        assert max(rows_read(plan)) <= 10, plan


MANY = """
    INSERT INTO ingest.transfer (id, establishment, agreement, agreement_version, depositor, state, received_at,
                                 staging_key, size, sha512)
    SELECT gen_random_uuid(), CASE number % 2 WHEN 0 THEN $1::uuid ELSE $2::uuid END, gen_random_uuid(), 1, 'x',
           'accepted', timestamptz '2020-01-01' + make_interval(hours => number), 'x', 1, gen_random_uuid()::text
    FROM generate_series(1, 10000) AS number"""


def rows_read(plan: str) -> list[float]:
    return [float(rows) for rows in re.findall(r"Scan .*actual rows=([\d.]+)", plan)]
