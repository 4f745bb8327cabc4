"""Journals over HTTP: each caller sees the journals of their establishments, and no others exist."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from services.proof.settings import ProofSettings
from services.proof.wiring import build
from shared.identity.caller import Mandate, mandates_claim
from shared.identity.rights import Role
from shared.identity.tokens import AUDIENCE, TokenVerifier, room_token
from shared.messages.journal import JournalLineV1
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.settings import RoomSettings
from tests.builders.journal import Sender, a_line
from tests.servers import Databases

pytestmark = pytest.mark.integration

SECRET = "proof-tests-" + "s" * 32
KEY = ec.generate_private_key(ec.SECP256R1())
BASE = "http://archive.test"

As = Callable[..., httpx.AsyncClient]


def bearer(role: Role, establishments: frozenset[UUID] | None) -> str:
    mandates = mandates_claim((Mandate(frozenset({role}), establishments),))
    claims = {"sub": "tests", "iss": BASE, "aud": AUDIENCE, "iat": 0, "exp": 2**40, "mandates": mandates}
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "k"})


async def published_key() -> dict[str, object]:
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    return {"keys": [{**jwk, "kid": "k"}]}


@pytest.fixture
async def seen_by(databases: Databases, tmp_path: Path) -> AsyncIterator[As]:
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")), internal_secret=SecretStr(SECRET), base_url=BASE
    )
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport())
    room.app.state.verifier = TokenVerifier(BASE, SECRET, published_key)
    opened: list[httpx.AsyncClient] = []

    def client(role: Role, *establishments: UUID) -> httpx.AsyncClient:
        token = bearer(role, frozenset(establishments) or None)
        headers = {"Authorization": f"Bearer {token}"}
        opened.append(httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE, headers=headers))
        return opened[-1]

    yield client
    for one in opened:
        await one.aclose()
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def keep(consumer: Consumer, *lines: JournalLineV1) -> None:
    message = Sender(f"room-{uuid4()}").says(*lines)
    await consumer.handle([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])


async def test_an_auditor_of_one_town_sees_its_journals_only(consumer: Consumer, seen_by: As) -> None:
    mine, foreign = uuid4(), uuid4()
    await keep(consumer, a_line(establishment=mine), a_line(establishment=mine, kind="writes"))
    await keep(consumer, a_line(establishment=foreign), a_line(establishment=None, kind="events"))

    answer = await seen_by(Role.AUDITOR, mine).get("/proof/v1/journals")

    assert [item["journal"] for item in answer.json()["items"]] == [f"archives.{mine}", f"writes.{mine}"]


@pytest.mark.parametrize("part", ["", "/lines", "/verification"])
async def test_a_foreign_journal_is_not_found_and_neither_is_the_platforms(
    consumer: Consumer, seen_by: As, part: str
) -> None:
    mine, foreign = uuid4(), uuid4()
    await keep(consumer, a_line(establishment=foreign), a_line(establishment=None, kind="events"))
    reader = seen_by(Role.AUDITOR, mine)

    for journal in (f"archives.{foreign}", "events.platform", "nothing"):
        assert (await reader.get(f"/proof/v1/journals/{journal}{part}")).status_code == 404


async def test_the_platforms_journals_and_senders_are_for_those_who_see_everything(
    consumer: Consumer, seen_by: As
) -> None:
    await keep(consumer, a_line(establishment=None, kind="events"))
    everywhere, somewhere = seen_by(Role.AUDITOR), seen_by(Role.AUDITOR, uuid4())

    assert (await everywhere.get("/proof/v1/journals/events.platform")).status_code == 200
    assert (await everywhere.get("/proof/v1/journals/senders")).status_code == 200
    assert (await somewhere.get("/proof/v1/journals/senders")).status_code == 404


async def test_a_reader_of_archives_may_not_read_journals(seen_by: As) -> None:
    assert (await seen_by(Role.READER).get("/proof/v1/journals")).status_code == 403


async def test_lines_are_paged_to_the_end_and_each_can_be_digested_again(consumer: Consumer, seen_by: As) -> None:
    town = uuid4()
    await keep(consumer, *[a_line(f"é-{turn}", establishment=town) for turn in range(7)])
    reader = seen_by(Role.AUDITOR, town)
    items: list[dict[str, Any]] = []
    after: int | None = 0

    while after is not None:
        query = {"after": after, "limit": 3}
        page = (await reader.get(f"/proof/v1/journals/archives.{town}/lines", params=query)).json()
        items, after = [*items, *page["items"]], page["next"]

    assert [item["number"] for item in items] == [1, 2, 3, 4, 5, 6, 7]
    for item in items:
        assert hashlib.sha512(rfc8785.dumps(item["line"])).hexdigest() == item["sha512"]


async def test_the_lines_of_one_transfer_can_be_asked_for(consumer: Consumer, seen_by: As) -> None:
    town, transfer = uuid4(), uuid4()
    about = [a_line(establishment=town, transfer=one) for one in (uuid4(), transfer, uuid4(), transfer)]
    await keep(consumer, *about)

    page = await seen_by(Role.AUDITOR, town).get(
        f"/proof/v1/journals/archives.{town}/lines", params={"transfer": str(transfer)}
    )

    assert [item["number"] for item in page.json()["items"]] == [2, 4]


async def test_journals_are_paged_by_name(consumer: Consumer, seen_by: As) -> None:
    towns = sorted((uuid4() for _ in range(3)), key=str)
    await keep(consumer, *[a_line(establishment=town) for town in towns])
    reader = seen_by(Role.AUDITOR, *towns)

    first = (await reader.get("/proof/v1/journals", params={"limit": 2})).json()
    second = (await reader.get("/proof/v1/journals", params={"limit": 2, "after": first["next"]})).json()

    assert [item["journal"] for item in first["items"] + second["items"]] == [f"archives.{town}" for town in towns]
    assert second["next"] is None


async def test_a_missing_batch_is_shown_with_those_that_wait_for_it(
    consumer: Consumer, seen_by: As, databases: Databases
) -> None:
    sender = Sender(f"room-{uuid4()}")
    for _ in range(2):
        sender.says(a_line())
    early = sender.says(a_line())
    await consumer.handle([Delivery(early.message_id, early.topic, early.model_dump_json().encode())])
    await databases.as_superuser(
        "UPDATE proof.pending_batch SET received_at = now() - interval '1 hour' WHERE sender = $1",
        sender.name,
    )

    items = (await seen_by(Role.AUDITOR).get("/proof/v1/journals/senders")).json()["items"]

    (shown,) = [item for item in items if item["sender"] == sender.name]
    gap = shown["gap"]
    assert (shown["batch"], gap["from"], gap["to"], gap["waiting"], gap["late"]) == (0, 1, 2, 1, True)


async def test_no_room_needs_the_journals_and_none_reads_them(consumer: Consumer, seen_by: As) -> None:
    town = uuid4()
    await keep(consumer, a_line(establishment=town))
    headers = {"Authorization": f"Bearer {room_token('ingest', SECRET)}"}

    answer = await seen_by(Role.READER).get(f"/proof/v1/journals/archives.{town}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
