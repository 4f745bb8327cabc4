"""An archivist decides, with a reason that the reply carries; he is reminded, and nobody's silence decides."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter
from lxml import etree

from services.ingest import api, decisions_api, handlers
from services.ingest.deciding import REMIND, SALT_BYTES, decide, remind, salted_digest
from services.ingest.domain.transfer import TransferState
from services.ingest.measures import measure_transfers
from services.ingest.queries import Transfer
from shared.clock import now
from shared.identity.rights import Role
from shared.messages.admin import AgreementV1
from shared.messages.ingest import DecisionRemindedV1, TransferCompletedV1, TransferDecidedV1
from shared.problems import Problem
from shared.readiness import Readiness
from shared.web import room_app
from tests.answers import valid_answer
from tests.builders.callers import BASE, a_token, a_verifier
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_following_the_aip import catalogued, grant, hear, recorded, stored
from tests.integration.ingest.test_measures import sample

pytestmark = pytest.mark.integration

PLACE = "/ingest/v1/decisions"


async def nothing() -> None:
    """No gauges here."""


def a_door(bench: Bench, token: str) -> httpx.AsyncClient:
    """Return a client of ingest's routes on transfers and decisions."""
    both = APIRouter()
    both.include_router(api.router)
    both.include_router(decisions_api.router)
    app = room_app("ingest", both, a_verifier(), Readiness("ingest"), nothing)
    app.state.ingest = bench.ingest
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers)


async def waiting(bench: Bench, agreement: AgreementV1 | None = None, sip: ASip | None = None) -> Transfer:
    """Deposit under an agreement that asks an archivist, and have it checked."""
    agreement = agreement or await bench.agreement(decision="archivist")
    deposited = await bench.deposit(bench.sip(sip), agreement)
    await bench.process()
    return await bench.transfer(deposited.id)


async def replied(bench: Bench, transfer: Transfer) -> etree._Element:
    """Go all the way with an accepted transfer, and return its reply."""
    await bench.process()
    built = await bench.built(transfer.id)
    await hear(bench, handlers.await_catalogue, stored(built))
    await hear(bench, handlers.record_deposit, catalogued(built))
    await grant(bench, recorded(built))
    return valid_answer(await bench.staged(str((await bench.transfer(transfer.id)).reply_key)))


async def test_the_reason_of_an_acceptance_is_in_the_reply_and_weighs_nothing(bench: Bench) -> None:
    transfer = await waiting(bench)

    await decide(bench.ingest, transfer.id, "client:archivist", accept=True, reason="Versement vu avec le service.")
    reply = await replied(bench, transfer)

    assert reply.findtext("{*}ReplyCode") == "OK"
    assert any("Versement vu avec le service." in text for text in reply.itertext())
    assert "DECISION_ACCEPTED" in [event.text for event in reply.iter("{*}OutcomeDetail")]
    (told,) = await bench.told(TransferCompletedV1)
    assert "DECISION_ACCEPTED" in told.finding_codes
    (decided,) = await bench.told(TransferDecidedV1)
    assert (decided.transfer_id, decided.establishment) == (transfer.id, transfer.establishment)
    assert (decided.agreement, decided.agreement_version) == (transfer.agreement, transfer.agreement_version)
    assert (decided.decision, decided.decided_by) == ("accepted", "client:archivist")
    assert decided.sip_sha512 == transfer.sha512
    # The words stay here; whoever has them and their salt can prove that they are those of that day.
    assert "Versement vu" not in decided.model_dump_json()
    (row,) = await bench.databases.as_superuser("SELECT reason_salt FROM ingest.transfer")
    assert decided.reason_sha512 == salted_digest(row["reason_salt"], "Versement vu avec le service.")
    assert (len(row["reason_salt"]), salted_digest(b"", " ")) == (SALT_BYTES, None)


async def test_an_acceptance_without_a_reason_adds_nothing_to_the_reply(bench: Bench) -> None:
    transfer = await waiting(bench)

    await decide(bench.ingest, transfer.id, "client:archivist", accept=True, reason=" ")

    assert (await bench.transfer(transfer.id)).findings == transfer.findings
    await bench.process()


async def test_the_reason_of_a_refusal_is_in_the_reply(bench: Bench) -> None:
    transfer = await waiting(bench)

    await decide(bench.ingest, transfer.id, "client:archivist", accept=False, reason="Déjà versé en 2024.")

    refused = await bench.transfer(transfer.id)
    reply = valid_answer(await bench.staged(str(refused.reply_key)))
    assert reply.findtext("{*}ReplyCode") == "KO"
    assert any("Déjà versé en 2024." in text for text in reply.itertext())


async def test_of_two_archivists_who_decide_at_one_moment_one_counts(bench: Bench) -> None:
    transfer = await waiting(bench)

    taken = await asyncio.gather(
        decide(bench.ingest, transfer.id, "client:one", accept=True, reason=""),
        decide(bench.ingest, transfer.id, "client:other", accept=False, reason="Déjà versé."),
        return_exceptions=True,
    )

    (late,) = [one for one in taken if one is not None]
    assert isinstance(late, Problem)
    assert (late.status, late.code) == (409, "no_decision_awaited")
    (line,) = await bench.lines("transfer.decided")
    accepted = taken[0] is None
    assert (line.actor, line.details["decision"]) == (
        ("client:one", "accepted") if accepted else ("client:other", "refused")
    )
    expected = TransferState.STORING if accepted else TransferState.REJECTED
    assert (await bench.transfer(transfer.id)).state is expected


async def test_the_same_decision_again_finds_nothing_to_decide(bench: Bench) -> None:
    transfer = await waiting(bench)
    await decide(bench.ingest, transfer.id, "client:archivist", accept=True, reason="")

    with pytest.raises(Problem) as late:
        await decide(bench.ingest, transfer.id, "client:archivist", accept=True, reason="")

    assert (late.value.status, late.value.code) == (409, "no_decision_awaited")
    assert len(await bench.lines("transfer.decided")) == 1


@pytest.mark.parametrize("reason", ["a\u0000b", "\u001b[0m", "x" * 2001])
async def test_a_reason_is_a_text_that_a_reply_can_carry(bench: Bench, reason: str) -> None:
    transfer = await waiting(bench)
    path = f"/ingest/v1/transfers/{transfer.id}/decision"

    async with a_door(bench, a_token(Role.ARCHIVIST)) as http:
        refused = await http.post(path, json={"decision": "refuse", "reason": reason})
        taken = await http.post(path, json={"decision": "refuse", "reason": "Deux\nlignes <&>."})

    assert (refused.status_code, taken.status_code) == (422, 202)
    reply = valid_answer(await bench.staged(str((await bench.transfer(transfer.id)).reply_key)))
    assert any("Deux lignes <&>." in text for text in reply.itertext())


# --- Reminders ------------------------------------------------------------------------------------------------------


async def planned(bench: Bench) -> list[tuple[bool, timedelta]]:
    """Return of each reminder that is planned whether it is the last one, and how long from now."""
    rows = await bench.databases.as_superuser(
        "SELECT (payload->>'overdue')::boolean AS overdue, not_before FROM ingest.work WHERE kind = $1", REMIND
    )
    return [(row["overdue"], row["not_before"] - now()) for row in rows]


async def remind_now(bench: Bench) -> None:
    """Let the moment of the next reminder come."""
    await bench.release()
    await remind(bench.database, await bench.lease(REMIND))


@pytest.mark.parametrize(("days", "first"), [(10, 8.0), (1, 0.5)])
async def test_a_decision_is_reminded_before_its_term_and_at_it_each_once(
    bench: Bench, days: int, first: float
) -> None:
    transfer = await waiting(bench, await bench.agreement(decision="archivist", decision_days=days))
    ((_, before),) = await planned(bench)
    await remind_now(bench)
    ((last, at),) = await planned(bench)
    await remind_now(bench)

    assert before / timedelta(days=1) == pytest.approx(first, abs=0.01)
    assert last
    assert at / timedelta(days=1) == pytest.approx(days, abs=0.01)
    told = await bench.told(DecisionRemindedV1)
    assert [(one.transfer_id, one.overdue, one.decide_by) for one in told] == [
        (transfer.id, False, transfer.decide_by),
        (transfer.id, True, transfer.decide_by),
    ]
    assert await planned(bench) == []
    # It is still for an archivist to decide.
    assert (await bench.transfer(transfer.id)).state is TransferState.AWAITING_DECISION


async def test_once_decided_nobody_is_reminded(bench: Bench) -> None:
    transfer = await waiting(bench, await bench.agreement(decision="archivist", decision_days=3))
    await decide(bench.ingest, transfer.id, "client:archivist", accept=False, reason="Déjà versé.")

    await remind_now(bench)

    assert (await bench.told(DecisionRemindedV1), await planned(bench)) == ([], [])


async def test_without_a_term_nobody_is_reminded(bench: Bench) -> None:
    transfer = await waiting(bench)

    assert (transfer.decide_by, await bench.work()) == (None, set())


# --- What waits -----------------------------------------------------------------------------------------------------


async def listed(bench: Bench, token: str, **query: object) -> httpx.Response:
    async with a_door(bench, token) as http:
        return await http.get(PLACE, params=query)  # type: ignore[arg-type]  # texts and numbers


async def test_what_waits_is_listed_oldest_first_with_what_an_archivist_asks(bench: Bench) -> None:
    agreement = await bench.agreement(decision="archivist", decision_days=3)
    odd = ASip((AFile("Content/empty.txt", b""),))
    transfers = [await waiting(bench, agreement, sip) for sip in (odd, None, None)]
    await bench.databases.as_superuser(
        "UPDATE ingest.transfer SET decide_by = now() - interval '1 s' WHERE id = $1", transfers[0].id
    )
    token = a_token(Role.ARCHIVIST, agreement.establishment)

    first = (await listed(bench, token, limit=2)).json()
    rest = (await listed(bench, token, limit=2, cursor=first["next"])).json()

    assert [item["id"] for item in first["items"] + rest["items"]] == [str(one.id) for one in transfers]
    assert rest["next"] is None
    item = first["items"][0]
    assert (item["establishment"], item["agreement"]) == (str(agreement.establishment), str(agreement.id))
    assert (item["overdue"], first["items"][1]["overdue"]) == (True, False)
    assert item["counts"]["units"] >= 1
    assert (item["findings"]["error"], item["findings"]["warning"]) == (0, 1)
    assert item["finding_codes"]
    await measure_transfers(bench.database)
    assert sample("decisions_overdue") == 1


async def test_nobody_sees_what_another_town_has_to_decide(bench: Bench) -> None:
    transfer = await waiting(bench)
    elsewhere = (await bench.agreement()).establishment

    answers = [
        await listed(bench, a_token(Role.ARCHIVIST, elsewhere)),
        await listed(bench, a_token(Role.ARCHIVIST, transfer.establishment)),
        await listed(bench, a_token(Role.DEPOSITOR, transfer.establishment)),
    ]

    assert [len(answer.json().get("items", ())) for answer in answers] == [0, 1, 0]
    assert answers[2].status_code == 403


async def test_what_was_decided_waits_no_more(bench: Bench) -> None:
    transfer = await waiting(bench)
    await decide(bench.ingest, transfer.id, "client:archivist", accept=False, reason="Déjà versé.")

    assert (await listed(bench, a_token(Role.ARCHIVIST))).json() == {"items": [], "next": None}
