"""The agreement a deposit is made under: the caller's own, known and in force; admin is asked when we miss it."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.ingest import handlers, queries
from services.ingest.agreements import agreement_for
from services.ingest.parts import Ingest
from services.local.ports import free_ports
from shared.calls import RoomCalls, RoomUnavailable
from shared.identifiers import new_id
from shared.identity.caller import Caller, Mandate
from shared.identity.rights import Role
from shared.messages.admin import AgreementPublishedV1, AgreementV1
from shared.problems import Problem
from shared.settings import RoomSettings
from tests.builders.callers import SECRET, a_token
from tests.integration.ingest.bench import Bench, an_agreement

pytestmark = pytest.mark.integration

TODAY = date(2026, 6, 15)


def depositor(*establishments: UUID, role: Role = Role.DEPOSITOR) -> Caller:
    return Caller("client:tests", (Mandate(frozenset({role}), frozenset(establishments)),), "token")


async def choose(bench: Bench, caller: Caller, wanted: object, today: date = TODAY) -> AgreementV1:
    return await agreement_for(bench.ingest, caller, str(wanted), today)


async def refusal(bench: Bench, caller: Caller, wanted: object, today: date = TODAY) -> tuple[int, str]:
    with pytest.raises(Problem) as problem:
        await choose(bench, caller, wanted, today)
    return problem.value.status, problem.value.code


async def test_an_agreement_is_found_by_its_id_and_by_its_identifier(bench: Bench) -> None:
    published = await bench.agreement()
    caller = depositor(published.establishment)

    assert await choose(bench, caller, published.id) == published
    assert await choose(bench, caller, published.identifier) == published


async def test_somebody_elses_agreement_is_as_unknown_as_one_that_does_not_exist(bench: Bench) -> None:
    published = await bench.agreement()

    for caller in (depositor(new_id()), depositor(), depositor(published.establishment, role=Role.READER)):
        assert await refusal(bench, caller, published.id) == (403, "agreement_unknown")
    assert await refusal(bench, depositor(published.establishment), new_id()) == (403, "agreement_unknown")
    assert await refusal(bench, depositor(published.establishment), "a/b?c#d é") == (403, "agreement_unknown")


async def test_a_suspended_agreement_takes_nothing(bench: Bench) -> None:
    published = await bench.agreement(state="suspended")

    assert await refusal(bench, depositor(published.establishment), published.id) == (409, "agreement_suspended")


@pytest.mark.parametrize(
    ("terms", "takes"),
    [
        ({}, True),
        ({"valid_from": "2026-06-15"}, True),
        ({"valid_from": "2026-06-16"}, False),
        ({"valid_to": "2026-06-15"}, True),
        ({"valid_to": "2026-06-14"}, False),
        ({"valid_from": "2026-01-01", "valid_to": "2026-12-31"}, True),
    ],
    ids=str,
)
async def test_the_first_and_the_last_day_of_an_agreement_are_within_it(
    bench: Bench, terms: dict[str, str], *, takes: bool
) -> None:
    published = await bench.agreement(**terms)
    caller = depositor(published.establishment)

    if takes:
        assert (await choose(bench, caller, published.id)).id == published.id
    else:
        assert await refusal(bench, caller, published.id) == (409, "agreement_out_of_dates")


async def test_the_newest_version_counts_whatever_the_order_of_the_news(bench: Bench) -> None:
    first = an_agreement()
    versions = {n: first.model_copy(update={"version": n, "name": f"Version {n}"}) for n in (1, 2, 3)}

    for number in (2, 3, 1, 3, 2):
        async with bench.database.begin() as tx:
            await handlers.keep_agreements(tx, [AgreementPublishedV1(agreement=versions[number])])

    assert await choose(bench, depositor(first.establishment), first.id) == versions[3]


async def publish(bench: Bench, **terms: object) -> dict[str, Any]:
    """Have admin make an establishment and an agreement, of which ingest has heard nothing."""
    headers = {"Authorization": f"Bearer {a_token(Role.ADMINISTRATOR)}"}
    async with httpx.AsyncClient(base_url=bench.admin, headers=headers) as admin:
        town = (
            await admin.post("/admin/v1/establishments", json={"identifier": f"C-{uuid4()}"[:20], "name": "Val"})
        ).json()
        body = {"establishment": town["id"], "identifier": f"A-{uuid4()}"[:20], "name": "Accord", **terms}
        answer = await admin.post("/admin/v1/agreements", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("name", ["id", "identifier"])
async def test_an_agreement_we_have_not_heard_of_is_asked_of_admin_and_remembered(bench: Bench, name: str) -> None:
    made = await publish(bench, decision="archivist", max_units=7)
    caller = depositor(UUID(made["establishment"]))

    chosen = await choose(bench, caller, made[name])

    assert (str(chosen.id), chosen.decision, chosen.max_units) == (made["id"], "archivist", 7)
    async with bench.database.reading() as connection:
        assert await queries.find_agreements(connection, [made["id"]]) == [chosen]


async def test_an_agreement_we_know_needs_no_admin_and_one_we_do_not_waits_for_it(bench: Bench) -> None:
    published = await bench.agreement()
    (port,) = free_ports(1)
    settings = RoomSettings.model_validate(
        {
            "database_url": "postgresql+asyncpg://nobody@127.0.0.1:1/nothing",
            "internal_secret": SECRET,
            "base_url": f"http://127.0.0.1:{port}",
        }
    )
    nobody = RoomCalls(settings, "ingest")
    caller = depositor(published.establishment)

    alone = Ingest(bench.database, nobody, bench.staging, bench.ingest.settings)
    known = await agreement_for(alone, caller, str(published.id), TODAY)
    with pytest.raises(RoomUnavailable):
        await agreement_for(alone, caller, str(new_id()), TODAY)

    assert known == published
    await nobody.close()
