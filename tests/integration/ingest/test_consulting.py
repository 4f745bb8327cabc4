"""Answers that are handed over, and transfers that are not the caller's, have their lines (PRV-13)."""

from uuid import UUID, uuid4

import httpx
import pytest

from services.ingest.queries import Transfer
from shared.identity.rights import Role
from shared.messages.journal import JournalLineV1
from tests.builders.callers import BASE, a_token
from tests.builders.sips import AFile, ASip
from tests.integration.ingest.bench import Bench
from tests.integration.ingest.test_the_door import PLACE, an_app

pytestmark = pytest.mark.integration

WRONG_DIGEST = ASip((AFile("Content/a.txt", b"a\n", digest="0" * 128),))


async def get(bench: Bench, town: UUID, path: str) -> int:
    headers = {"Authorization": f"Bearer {a_token(Role.PRODUCER, town)}"}
    transport = httpx.ASGITransport(an_app(bench))
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as http:
        return (await http.get(f"{PLACE}/{path}")).status_code


async def a_refused_transfer(bench: Bench) -> Transfer:
    deposited = await bench.deposit(bench.sip(WRONG_DIGEST), await bench.agreement())
    await bench.process()
    return await bench.transfer(deposited.id)


def shown(lines: list[JournalLineV1]) -> list[tuple[object, ...]]:
    return [(line.kind, line.actor, line.object, line.establishment, line.transfer_id) for line in lines]


async def test_answers_that_are_handed_over_have_their_lines(bench: Bench) -> None:
    transfer = await a_refused_transfer(bench)

    for what in ("", "/report", "/acknowledgement", "/reply"):
        assert await get(bench, transfer.establishment, f"{transfer.id}{what}") == 200

    for action in ("acknowledgement.communicated", "reply.communicated"):
        lines = shown(await bench.lines(action))
        assert lines == [("archives", "client:tests", f"transfer:{transfer.id}", transfer.establishment, None)]


async def test_a_transfer_that_is_not_theirs_is_one_line(bench: Bench) -> None:
    transfer, unknown = await a_refused_transfer(bench), uuid4()

    assert await get(bench, uuid4(), f"{transfer.id}/reply") == 404
    assert await get(bench, transfer.establishment, str(unknown)) == 404

    lines = await bench.lines("transfer.access_refused")
    assert shown(lines) == [
        ("events", "client:tests", f"transfer:{one}", None, None) for one in (transfer.id, unknown)
    ]
    assert {line.outcome for line in lines} == {"ko"}
