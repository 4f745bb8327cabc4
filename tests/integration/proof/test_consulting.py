"""Whoever reads a journal, verifies one, or may not, has a line of it (PRV-13)."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr

from services.proof.settings import ProofSettings
from services.proof.wiring import build
from shared.identity.rights import Role
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.local import LocalTransport
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET, a_token, a_verifier
from tests.builders.journal import Sender, a_line
from tests.builders.told import lines_of
from tests.servers import Databases

pytestmark = pytest.mark.integration

TOWN = UUID(int=29)


@pytest.fixture
async def auditor(databases: Databases, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = RoomSettings(database_url=SecretStr(databases.url("proof")), internal_secret=SecretStr(SECRET))
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport())
    room.app.state.verifier = a_verifier()
    headers = {"Authorization": f"Bearer {a_token(Role.AUDITOR, TOWN)}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE, headers=headers) as client:
        yield client
    for close in room.close:
        await close()
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def test_reading_verifying_and_a_refusal_are_lines(
    databases: Databases, consumer: Consumer, auditor: httpx.AsyncClient
) -> None:
    message = Sender(f"room-{uuid4()}").says(*(a_line(establishment=TOWN) for _ in range(3)))
    await consumer.handle([Delivery(message.message_id, message.topic, message.model_dump_json().encode())])
    ours, foreign = f"archives.{TOWN}", f"archives.{uuid4()}"

    for path in (f"{ours}/lines?after=1", f"{ours}/lines?after=3", ours, f"{ours}/verification"):
        assert (await auditor.get(f"/proof/v1/journals/{path}")).status_code == 200
    for name in (foreign, "Le Goff"):
        assert (await auditor.get(f"/proof/v1/journals/{name}/lines")).status_code == 404

    read, verified, refused, malformed = await lines_of(databases, "proof")
    assert (read.action, read.actor, read.object, read.establishment) == (
        "journal.read",
        "client:tests",
        f"journal:{ours}",
        TOWN,
    )
    assert read.details == {"first": 2, "last": 3, "lines": 2}
    assert (verified.action, verified.outcome, verified.details) == (
        "journal.verified",
        "ok",
        {"after": 0, "lines": 3, "anomalies": 0},
    )
    assert [(one.action, one.outcome, one.object, one.establishment) for one in (refused, malformed)] == [
        ("journal.refused", "ko", f"journal:{foreign}", None),
        ("journal.refused", "ko", "journal:malformed", None),
    ]
