"""A quota bounds all that is taken in under one agreement, whoever comes at the same time, whatever crashes."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from services.ingest import handlers, queries
from services.ingest.deciding import decide
from services.ingest.domain.transfer import TransferState
from services.ingest.intake import taken_in
from services.ingest.intake_api import router
from services.ingest.queries import Transfer
from services.local.postgres import Postgres
from shared.database.migrations import upgrade
from shared.identifiers import new_id
from shared.identity.rights import Role
from shared.messages.admin import AgreementV1
from shared.messaging.work import lease
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench, Fuse, PowerCut
from tests.integration.ingest.test_dry_runs import dry_run
from tests.integration.ingest.test_the_door import nothing
from tests.servers import fresh

pytestmark = pytest.mark.integration

QUOTA = 1000


def of_size(bench: Bench, size: int, letter: bytes = b"a", **sip: Any) -> bytes:  # noqa: ANN401 (fields of ASip)
    """A package whose one file has so many bytes."""
    return bench.sip(ASip((AFile("Content/a.txt", letter * size),), **sip))


async def taken(bench: Bench, agreement: AgreementV1, content: bytes) -> Transfer:
    deposited = await bench.deposit(content, agreement)
    await bench.process()
    return await bench.transfer(deposited.id)


async def used(bench: Bench, agreement: AgreementV1) -> int:
    async with bench.database.reading() as connection:
        return await taken_in(connection, agreement.id)


def quota_findings(transfer: Transfer) -> list[dict[str, str]]:
    return [finding["params"] for finding in transfer.findings if finding["code"] == "HEADER_QUOTA"]


async def test_what_no_longer_fits_is_refused_with_the_figures_and_what_fits_is_taken(bench: Bench) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA)

    first = await taken(bench, agreement, of_size(bench, 600))
    second = await taken(bench, agreement, of_size(bench, 401, b"b"))
    third = await taken(bench, agreement, of_size(bench, 400, b"c"))

    assert [each.state for each in (first, second, third)] == ["storing", "rejected", "storing"]
    assert quota_findings(second) == [
        {"agreement": agreement.identifier, "used": "600", "asked": "401", "quota": "1000", "left": "400"}
    ]
    assert await used(bench, agreement) == QUOTA


async def test_a_raised_quota_takes_what_the_former_one_refused(bench: Bench) -> None:
    agreement, content = await bench.agreement(quota_bytes=QUOTA), of_size(bench, 1001)
    refused = await taken(bench, agreement, content)

    raised = agreement.model_copy(update={"version": 2, "quota_bytes": 2 * QUOTA})
    async with bench.database.begin() as tx:
        await queries.keep_agreement(tx.connection, raised)
    again = await taken(bench, raised, content)

    assert (refused.state, again.state) == (TransferState.REJECTED, TransferState.STORING)


async def test_without_a_quota_nothing_is_refused_and_all_is_counted(bench: Bench) -> None:
    agreement, other = await bench.agreement(), await bench.agreement(quota_bytes=QUOTA)

    for letter in (b"a", b"b"):
        assert (await taken(bench, agreement, of_size(bench, 5000, letter))).state is TransferState.STORING

    assert (await used(bench, agreement), await used(bench, other)) == (10_000, 0)


async def test_what_is_refused_or_only_tried_takes_nothing(bench: Bench) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA)
    wrong = bench.sip(ASip((AFile("Content/a.txt", b"a" * 700, digest="00" * 64),)))

    tried = await dry_run(bench, of_size(bench, 700), agreement)
    refused = await taken(bench, agreement, wrong)

    assert (refused.state, tried.state, await used(bench, agreement)) == ("rejected", "judged", 0)
    assert quota_findings(tried) == []


async def test_a_dry_run_is_told_what_would_not_fit(bench: Bench) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA)
    await taken(bench, agreement, of_size(bench, 700))

    tried = await dry_run(bench, of_size(bench, 301, b"b"), agreement)

    assert [each["left"] for each in quota_findings(tried)] == ["300"]
    assert await used(bench, agreement) == 700


@pytest.mark.parametrize("workshops", [1, 4], ids=["one process", "four processes"])
async def test_deposits_at_once_never_take_more_than_there_is(bench: Bench, workshops: int) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA)
    deposits = [await bench.deposit(of_size(bench, 300, letter), agreement) for letter in (b"a", b"b", b"c", b"d")]
    held = await lease(bench.database, [handlers.PROCESS], 10)
    at_work = [bench.workshop for _ in range(workshops)]

    await asyncio.gather(*(at_work[n % workshops].process(one) for n, one in enumerate(held)))

    states = [(await bench.transfer(each.id)).state for each in deposits]
    assert sorted(states) == [TransferState.REJECTED, *[TransferState.STORING] * 3]
    assert await used(bench, agreement) == 900


async def test_a_message_sent_twice_at_once_is_counted_once(bench: Bench) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA)
    for letter in (b"a", b"b"):
        await bench.deposit(of_size(bench, 300, letter, message_identifier="versement-1"), agreement)
    held = await lease(bench.database, [handlers.PROCESS], 10)

    await asyncio.gather(*(bench.workshop.process(one) for one in held), return_exceptions=True)
    await bench.release()
    for one in await lease(bench.database, [handlers.PROCESS], 10):
        await bench.workshop.process(one)

    assert await used(bench, agreement) == 300


async def test_a_crash_at_any_step_counts_a_transfer_once(bench: Bench) -> None:
    steps: list[str] | None = []
    while steps is not None:
        agreement = await bench.agreement(quota_bytes=QUOTA)
        deposited = await bench.deposit(of_size(bench, 600), agreement)
        fuse = Fuse(len(steps))
        try:
            await bench.process(bench.fused_workshop(fuse))
        except PowerCut:
            steps = fuse.steps
        else:
            steps = None
        await bench.release()
        if await bench.work():
            await bench.process()

        assert (await bench.transfer(deposited.id)).state is TransferState.STORING, fuse.steps
        assert await used(bench, agreement) == 600, fuse.steps


async def test_what_an_archivist_refuses_is_given_back(bench: Bench) -> None:
    agreement = await bench.agreement(quota_bytes=QUOTA, decision="archivist")
    first = await taken(bench, agreement, of_size(bench, 600))
    second = await taken(bench, agreement, of_size(bench, 500, b"b"))
    assert (first.state, second.state) == (TransferState.AWAITING_DECISION, TransferState.REJECTED)

    await decide(bench.ingest, first.id, "client:archivist", accept=False, reason="Déjà versé.")
    assert await used(bench, agreement) == 0
    third = await taken(bench, agreement, of_size(bench, 500, b"b"))
    await decide(bench.ingest, third.id, "client:archivist", accept=True, reason="")

    assert await used(bench, agreement) == 500


async def intake_of(bench: Bench, reference: object, *establishments: Any) -> httpx.Response:  # noqa: ANN401 (ids)
    app = room_app("ingest", router, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    headers = {"Authorization": f"Bearer {a_token(Role.ARCHIVIST, *establishments)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as http:
        return await http.get(f"/ingest/v1/agreements/{reference}/intake")


async def test_who_may_read_an_agreement_sees_what_it_took_in(bench: Bench) -> None:
    agreement, free = await bench.agreement(quota_bytes=QUOTA), await bench.agreement()
    await taken(bench, agreement, of_size(bench, 600))

    seen = await intake_of(bench, agreement.identifier, agreement.establishment)
    unbound = await intake_of(bench, free.id, free.establishment)
    foreign = await intake_of(bench, agreement.id, new_id())

    shown = {"used_bytes": 600, "quota_bytes": 1000, "left_bytes": 400}
    nothing_of = {"used_bytes": 0, "quota_bytes": None, "left_bytes": None}
    assert seen.json() == {"agreement": str(agreement.id), **shown}
    assert unbound.json() == {"agreement": str(free.id), **nothing_of}
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("reference", ["nobody", "%ED%A0%80", "a%20b", "%25", "x" * 5000])
async def test_of_what_is_no_agreement_nothing_is_shown(bench: Bench, reference: str) -> None:
    answer = await intake_of(bench, reference, new_id())

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_was_taken_in_before_there_were_quotas_counts(postgres_server: Postgres) -> None:
    before, agreement = fresh(postgres_server, ()), new_id()
    upgrade(before.owner_url, "ingest", "0004")
    kept = [("accepted", 1), ("storing", 10), ("awaiting_decision", 100)]
    for state, size, dry in [*((*each, False) for each in kept), ("rejected", 1000, False), ("judged", 1000, True)]:
        row = (new_id(), new_id(), agreement, state, str(new_id()), json.dumps({"bytes": size}), dry)
        asyncio.run(
            before.as_superuser(
                """INSERT INTO ingest.transfer (id, establishment, agreement, agreement_version, depositor, state,
                                                staging_key, size, sha512, counts, dry_run)
                   VALUES ($1, $2, $3, 1, 'client:tests', $4, $5, 100, $5, $6, $7)""",
                *row,
            )
        )

    upgrade(before.owner_url, "ingest")

    rows = asyncio.run(before.as_superuser("SELECT agreement, bytes FROM ingest.intake"))
    assert [tuple(each) for each in rows] == [(agreement, 111)]
