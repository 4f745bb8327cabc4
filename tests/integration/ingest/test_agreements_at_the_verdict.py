"""Agreements that close after a deposit came: suspended, they take nothing more; dates are of the day of receipt."""

import json
from typing import Any

import pytest

from services.ingest import queries
from services.ingest.deciding import decide
from services.ingest.domain.transfer import TransferState
from services.ingest.worker import Workshop
from shared.messages.admin import AgreementV1
from shared.problems import Problem
from tests.integration.ingest.bench import UNHURRIED, Bench

pytestmark = pytest.mark.integration


async def publish(bench: Bench, agreement: AgreementV1, **terms: object) -> AgreementV1:
    """Publish the next version of an agreement."""
    following = agreement.model_copy(update={"version": agreement.version + 1, **terms})
    async with bench.database.begin() as tx:
        await queries.keep_agreement(tx.connection, following)
    return following


def errors(findings: list[dict[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    return [(each["code"], each["params"]) for each in findings if each["severity"] == "error"]


async def test_what_waits_when_its_agreement_is_suspended_is_refused_and_may_come_again(bench: Bench) -> None:
    agreement, content = await bench.agreement(), bench.sip()
    deposited = await bench.deposit(content, agreement)
    suspended = await publish(bench, agreement, state="suspended")

    await bench.process()

    refused = await bench.transfer(deposited.id)
    assert refused.state is TransferState.REJECTED
    assert errors(refused.findings) == [("HEADER_AGREEMENT_SUSPENDED", {"agreement": agreement.identifier})]
    assert "est suspendu" in (await bench.staged(str(refused.reply_key))).decode()
    again = await bench.deposit(content, await publish(bench, suspended, state="active"))
    await bench.process()
    assert (again.id != deposited.id, (await bench.transfer(again.id)).state) == (True, TransferState.STORING)


class SuspendedMeanwhile:
    """Children during whose work the agreement is suspended."""

    def __init__(self, bench: Bench, agreement: AgreementV1) -> None:
        self._bench = bench
        self._agreement = agreement

    async def call(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever the children answer)
        answer = await self._bench.children.call(*arguments, **named)
        await publish(self._bench, self._agreement, state="suspended")
        return answer


async def test_an_agreement_suspended_while_a_deposit_is_checked_takes_it_no_more(bench: Bench) -> None:
    agreement = await bench.agreement()
    deposited = await bench.deposit(agreement=agreement)
    meanwhile: Any = SuspendedMeanwhile(bench, agreement)

    await bench.process(Workshop(bench.ingest, meanwhile, bench.rules, UNHURRIED))

    assert errors((await bench.transfer(deposited.id)).findings) == [
        ("HEADER_AGREEMENT_SUSPENDED", {"agreement": agreement.identifier})
    ]


@pytest.mark.parametrize(
    ("dates", "taken"),
    [
        ({"valid_to": "2026-06-15"}, True),  # long over when it is judged
        ({"valid_from": "2026-06-15"}, True),
        ({"valid_to": "2026-06-14"}, False),  # shortened after the deposit
        ({"valid_from": "2026-06-16"}, False),
    ],
    ids=str,
)
async def test_dates_are_those_of_the_day_of_receipt(bench: Bench, dates: dict[str, str], *, taken: bool) -> None:
    agreement = await bench.agreement(**dates)
    deposited = await bench.deposit(agreement=agreement)
    await bench.databases.as_superuser("UPDATE ingest.transfer SET received_at = '2026-06-15T12:00:00Z'")

    await bench.process()

    judged = await bench.transfer(deposited.id)
    bounds = {"first": dates.get("valid_from", "…"), "last": dates.get("valid_to", "…")}
    told = {"agreement": agreement.identifier, "received": "2026-06-15", **bounds}
    assert errors(judged.findings) == ([] if taken else [("HEADER_AGREEMENT_DATES", told)])
    assert judged.state is (TransferState.STORING if taken else TransferState.REJECTED)


async def test_nobody_accepts_under_a_suspended_agreement(bench: Bench) -> None:
    agreement = await bench.agreement(decision="archivist")
    deposited = await bench.deposit(agreement=agreement)
    await bench.process()
    suspended = await publish(bench, agreement, state="suspended")

    with pytest.raises(Problem) as problem:
        await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")

    assert (problem.value.status, problem.value.code) == (409, "agreement_suspended")
    assert (await bench.transfer(deposited.id)).state is TransferState.AWAITING_DECISION
    assert await bench.lines("transfer.decided") == []
    await publish(bench, suspended, state="active")
    await decide(bench.ingest, deposited.id, "client:archivist", accept=True, reason="")
    assert (await bench.transfer(deposited.id)).state is TransferState.STORING


async def test_a_suspended_agreement_does_not_keep_an_archivist_from_refusing(bench: Bench) -> None:
    agreement = await bench.agreement(decision="archivist")
    deposited = await bench.deposit(agreement=agreement)
    await bench.process()
    await publish(bench, agreement, state="suspended")

    await decide(bench.ingest, deposited.id, "client:archivist", accept=False, reason="Déjà versé.")

    assert (await bench.transfer(deposited.id)).state is TransferState.REJECTED


async def test_a_term_of_a_release_to_come_is_kept_and_disturbs_no_check(bench: Bench) -> None:
    agreement = await bench.agreement(of_tomorrow=["a", "b"])
    deposited = await bench.deposit(agreement=agreement)

    await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
    (row,) = await bench.databases.as_superuser("SELECT body -> 'of_tomorrow' AS kept FROM ingest.agreement")
    assert json.loads(row["kept"]) == ["a", "b"]
