"""A dry run is judged like a deposit; nothing of it is kept but its verdict, and it is in nobody's way."""

import httpx
import pytest

from services.ingest import queries
from services.ingest.arrivals import JUDGE
from services.ingest.domain.transfer import TransferState
from services.ingest.queries import Transfer
from services.ingest.reception import Parcel, receive
from shared.identity.rights import Role
from shared.messages.admin import AgreementV1
from shared.messages.ingest import AipBuiltV1, SipReceivedV1, SipRejectedV1
from tests.builders.callers import BASE, a_token
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench, in_chunks
from tests.integration.ingest.test_the_door import an_app

pytestmark = pytest.mark.integration

PLACE = "/ingest/v1/transfers"


def heavy(transfer: Transfer) -> set[str]:
    return {finding["code"] for finding in transfer.findings if finding["severity"] != "info"}


async def dry_run(bench: Bench, content: bytes, agreement: AgreementV1) -> Transfer:
    """Hand a package in to be judged, and have it judged and swept."""
    parcel = Parcel(in_chunks(content), len(content), {}, "sip.zip", dry_run=True)
    transfer, new = await receive(bench.ingest, agreement, "client:tests", parcel)
    assert (new, transfer.state) == (True, TransferState.CHECKING)
    await bench.workshop.process(await bench.lease(JUDGE))
    await bench.sweep()
    return await bench.transfer(transfer.id)


async def test_a_good_one_is_judged_and_leaves_nothing(bench: Bench) -> None:
    judged = await dry_run(bench, bench.sip(), await bench.agreement())

    assert judged.state is TransferState.JUDGED
    assert [step["state"] for step in judged.steps] == ["received", "checking", "judged"]
    assert (heavy(judged), judged.aip_id, judged.reply_key) == (set(), None, None)
    assert bench.staged_keys() == set()
    assert await bench.work() == set()
    assert [await bench.told(kind) for kind in (SipReceivedV1, AipBuiltV1, SipRejectedV1)] == [[], [], []]
    assert [line.outcome for line in await bench.lines("transfer.judged")] == ["ok"]


async def test_a_bad_one_has_the_whole_verdict_and_no_refusal(bench: Bench) -> None:
    bad = ASip((AFile("Content/a.txt", digest="00" * 64), AFile("Content/b.txt", b"B", uri="Content/c.txt")))

    judged = await dry_run(bench, bench.sip(bad), await bench.agreement())

    assert judged.state is TransferState.JUDGED
    assert heavy(judged) == {"OBJECT_DIGEST_MISMATCH", "OBJECT_FILE_MISSING", "OBJECT_FILE_UNCLAIMED"}
    assert bench.staged_keys() == set()
    assert [await bench.told(SipRejectedV1), await bench.lines("transfer.rejected")] == [[], []]


async def test_it_claims_neither_its_bytes_nor_its_message_identifier(bench: Bench) -> None:
    content, agreement = bench.sip(), await bench.agreement()

    first = await dry_run(bench, content, agreement)
    second = await dry_run(bench, content, agreement)
    deposited = await bench.deposit(content, agreement)
    await bench.process()

    assert len({first.id, second.id, deposited.id}) == 3
    assert (await bench.transfer(deposited.id)).state is TransferState.STORING


async def test_it_tells_of_a_message_that_was_deposited_before(bench: Bench) -> None:
    agreement = await bench.agreement()
    deposited = await bench.deposit(bench.sip(ASip(message_identifier="once")), agreement)
    await bench.process()
    again = ASip((AFile("Content/other.txt", b"other"),), message_identifier="once")

    judged = await dry_run(bench, bench.sip(again), agreement)

    assert heavy(judged) == {"DUPLICATE_MESSAGE"}
    assert judged.findings[-1]["params"]["transfer"] == str(deposited.id)


async def test_an_archivist_has_nothing_to_decide(bench: Bench) -> None:
    judged = await dry_run(bench, bench.sip(), await bench.agreement(decision="archivist"))

    assert judged.state is TransferState.JUDGED


UNREADABLE = [(409, "acknowledgement_not_ready"), (409, "reply_not_ready")]
ANSWERED = [(200, "OK"), (200, "OK")]
LINKS = {"self", "report"}


def said(answer: httpx.Response) -> tuple[int, str]:
    """Return the status, and the problem's code; of a SEDA answer, that it says what it is."""
    if answer.status_code != 200:
        return answer.status_code, answer.json()["code"]
    return 200, "OK" if b"ESSAI : rien" in answer.content else "in earnest"


@pytest.mark.parametrize(
    ("sip", "verdict", "answered"),
    [(ASip(), "acceptable", ANSWERED), (ASip(manifest=b"<x/>"), "refused", UNREADABLE)],
    ids=["good", "unreadable"],
)
@pytest.mark.parametrize("sandbox", [False, True], ids=["asked for", "sandbox"])
async def test_over_http_it_says_what_would_become_of_it(
    bench: Bench, sip: ASip, verdict: str, answered: list[tuple[int, str]], *, sandbox: bool
) -> None:
    agreement = await bench.agreement(sandbox=sandbox)
    token = a_token(Role.DEPOSITOR, agreement.establishment)
    transport, headers = httpx.ASGITransport(an_app(bench)), {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        asked = {"agreement": str(agreement.id)} | ({} if sandbox else {"dry_run": "true"})
        taken = await http.post(PLACE, params=asked, content=bench.sip(sip))
        await bench.workshop.process(await bench.lease(JUDGE))
        here = taken.headers["Location"]
        shown = (await http.get(here)).json()
        answers = [(await http.get(f"{here}/{answer}")) for answer in ("acknowledgement", "reply")]
        listed = (await http.get(PLACE)).json()["items"]
        judged = (await http.get(PLACE, params={"state": "judged"})).json()["items"]

    assert (taken.status_code, taken.json()["state"], taken.json()["dry_run"]) == (202, "checking", True)
    assert (shown["dry_run"], shown["state"], shown["verdict"]) == (True, "judged", verdict)
    assert [said(answer) for answer in answers] == answered
    assert shown["links"].keys() == LINKS | ({"acknowledgement", "reply"} if answered is ANSWERED else set())
    assert (listed, [each["id"] for each in judged]) == ([], [shown["id"]])


async def test_what_came_in_earnest_stays_so_when_its_agreement_becomes_a_sandbox(bench: Bench) -> None:
    agreement = await bench.agreement()
    deposited = await bench.deposit(agreement=agreement)
    async with bench.database.begin() as tx:
        await queries.keep_agreement(tx.connection, agreement.model_copy(update={"version": 2, "sandbox": True}))

    await bench.process()

    assert (await bench.transfer(deposited.id)).state is TransferState.STORING
