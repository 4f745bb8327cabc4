"""Receipts: one of each accepted transfer, never lost, never another, and believed by a verifier of another hand."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from jwt.utils import base64url_decode, base64url_encode
from pydantic import SecretStr
from sqlalchemy import text, update

from chartrier_client.verifying.verify import Asked, verify
from services.proof import receipts
from services.proof.domain.hash_tree import group_value
from services.proof.receipts import ISSUE, PATIENCE, Issuer, NotYet, take_accepted
from services.proof.settings import ProofSettings
from services.proof.signing.opening import open_signer
from services.proof.signing.port import ProofSigner
from services.proof.tables import package_group
from services.proof.wiring import build
from shared import faults
from shared.clock import now, rfc3339
from shared.identity.rights import Role
from shared.messages.ingest import TransferCompletedV1
from shared.messages.journal import TRANSFER_ACCEPTED
from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.lease import Lane, Lease
from shared.messaging.local import LocalTransport
from shared.messaging.outcome import DONE, TryAgain
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import StaleLease, lease
from shared.settings import RoomSettings
from tests.builders.callers import BASE, SECRET, a_token, a_verifier
from tests.builders.journal import ESTABLISHMENT, OTHER_ESTABLISHMENT, a_line
from tests.integration.proof.seals import EMPTY, Telling, payload_of
from tests.servers import Databases

pytestmark = pytest.mark.integration

MEMBERS = sorted(hashlib.sha512(b"%d" % number).digest() for number in range(5))
VERIFIED = datetime(2026, 11, 20, 8, 30, 0, 120_456, tzinfo=UTC)


class Died(Exception):
    """The process was killed here."""


class Away:
    """A key that is away until it is told to come back."""

    def __init__(self, key: ProofSigner) -> None:
        self.key: ProofSigner | None = None
        self.back = key

    async def sign(self, typ: str, payload: dict[str, Any]) -> str:
        if self.key is None:
            raise TryAgain("the module is away")
        return await self.key.sign(typ, payload)


@dataclass
class House:
    """Proof, with a key in memory."""

    database: RoomDatabase
    tell: Telling
    signer: ProofSigner = field(default_factory=lambda: open_signer("development:"))

    adopted: int = 0

    @property
    def issuer(self) -> Issuer:
        return Issuer(self.database, self.signer, lambda: None, self.adopt, probative=False)

    async def adopt(self, _: RoomDatabase) -> int:
        self.adopted += 1
        return 0

    async def stored(self, *, read: bool = True) -> UUID:
        """Store a package, read by the gatherer or not yet; return its transfer."""
        transfer, copies = (
            uuid4(),
            [
                {
                    "site": site,
                    "place": f"Lieu {site}",
                    "key": "k",
                    "version_id": None,
                    "sha512": bytes(64).hex(),
                    "verified_at": VERIFIED.isoformat(),
                }
                for site in "ab"
            ],
        )
        row = {"aip": uuid4(), "version": 1, "establishment": ESTABLISHMENT, "transfer": transfer, "stored_at": now()}
        row |= {"sha512": bytes(64), "size": 10240, "receipts": copies, "digests": None, "leaf": None}
        async with self.database.begin() as tx:
            await tx.connection.execute(package_group.insert().values(row))
        if read:
            await self.read(transfer)
        return transfer

    async def read(self, transfer: UUID, **values: Any) -> None:  # noqa: ANN401 (columns)
        """Have the gatherer read the package of a transfer."""
        values = values or {"digests": b"".join(MEMBERS), "leaf": group_value(MEMBERS)}
        async with self.database.begin() as tx:
            done = update(package_group).where(package_group.c.transfer == transfer).values(values)
            await tx.connection.execute(done)

    async def recorded(self, *transfers: UUID) -> None:
        """Record the lines of transfers, and one of a consultation that comes later."""
        for transfer in transfers:
            await self.tell(
                a_line("transfer.received", transfer=transfer), a_line(TRANSFER_ACCEPTED, transfer=transfer)
            )

    async def accepted(self, *transfers: UUID) -> None:
        """Say that transfers were accepted, in one go."""
        messages = [
            TransferCompletedV1(
                transfer_id=transfer, establishment=ESTABLISHMENT, aip_id=uuid4(), finding_codes=(), reply_key="r"
            )
            for transfer in transfers
        ]
        deliveries = [Delivery(one.message_id, one.topic, one.model_dump_json().encode()) for one in messages]
        consumer = Consumer("proof.issue_receipts", self.database, {TransferCompletedV1: take_accepted})
        assert await consumer.handle(deliveries) == [DONE] * len(messages)

    async def work(self) -> list[Lease]:
        return await lease(self.database, [ISSUE], 10, lane=Lane.BACKGROUND)

    async def issue(self) -> None:
        for held in await self.work():
            await self.issuer.issue(held)

    async def issued(self) -> dict[UUID, str]:
        async with self.database.reading() as connection:
            rows = await connection.execute(text("SELECT transfer, body FROM receipt"))
            return {row.transfer: row.body for row in rows}

    async def told(self, action: str = "receipt.issued") -> int:
        """Return how many batches of lines proof itself has said of an act."""
        query = text("SELECT count(*) FROM outbox WHERE convert_from(body, 'UTF8') LIKE :wanted")
        async with self.database.reading() as connection:
            return int(await connection.scalar(query, {"wanted": f"%{action}%"}) or 0)


@pytest.fixture
async def house(databases: Databases, database: RoomDatabase, consumer: Consumer) -> House:
    await databases.as_superuser(EMPTY)
    return House(database, Telling(consumer))


async def test_a_receipt_says_what_was_stored_where_and_recorded(house: House) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.tell(a_line("copy.written", transfer=transfer))
    await house.accepted(transfer)

    await house.issue()

    told = payload_of((await house.issued())[transfer])
    assert (told["format"], told["transfer"], told["probative"]) == ("chartrier-receipt/1", str(transfer), False)
    assert (told["group"], told["members"]) == (group_value(MEMBERS).hex(), 5)
    assert [(copy["site"], copy["verified_at"]) for copy in told["copies"]] == [
        ("a", rfc3339(VERIFIED)),
        ("b", rfc3339(VERIFIED)),
    ]
    # What was recorded after the acceptance is not of the deposit.
    assert [line["number"] for line in told["lines"]] == [1, 2]
    assert await house.told() == 1
    assert await house.work() == []


async def test_our_own_verifier_believes_it_and_no_altered_one(house: House, tmp_path: Path) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.accepted(transfer)
    await house.issue()
    body = (await house.issued())[transfer]
    root = tmp_path / "root.pem"
    root.write_bytes(load_der_x509_certificate(house.signer.certificates[-1]).public_bytes(Encoding.PEM))

    def outcomes(content: str) -> dict[str, str]:
        file = tmp_path / "receipt.jws"
        file.write_text(content)
        return {one.what: one.outcome for one in verify(Asked([file], now(), [root])).checks}

    assert outcomes(body)["jws.signature"] == "ok"
    assert outcomes(body)["receipt.copies"] == "ok"
    head, payload, signature = body.split(".")
    told = base64url_decode(payload).replace(b'"members":5', b'"members":6')
    altered = outcomes(f"{head}.{base64url_encode(told).decode()}.{signature}")
    assert altered["jws.signature"] == "failed"


@pytest.mark.parametrize("late", ["package", "lines"])
async def test_what_is_not_known_yet_is_waited_for_and_holds_up_no_other(house: House, late: str) -> None:
    waiting, ready = await house.stored(read=late != "package"), await house.stored()
    await house.recorded(ready, *([] if late == "lines" else [waiting]))
    await house.accepted(waiting, ready)
    (held,) = await house.work()

    with pytest.raises(NotYet, match=str(waiting)):
        await house.issuer.issue(held)
    assert (await house.issued()).keys() == {ready}
    first = (await house.issued())[ready]

    await (house.recorded(waiting) if late == "lines" else house.read(waiting))
    await house.issuer.issue(held)
    assert (await house.issued()).keys() == {ready, waiting}
    assert (await house.issued())[ready] == first
    assert await house.told() == 2


async def test_a_package_that_storage_has_not_told_of_yet_is_looked_for_and_waited_for(house: House) -> None:
    await house.accepted(uuid4())
    (held,) = await house.work()

    for attempt in (1, PATIENCE):
        with pytest.raises(NotYet):
            await house.issuer.issue(replace(held, attempts=attempt))
    assert house.adopted == 1


async def test_a_package_that_is_known_and_not_read_is_looked_for_nowhere(house: House) -> None:
    await house.accepted(await house.stored(read=False))
    (held,) = await house.work()

    with pytest.raises(NotYet):
        await house.issuer.issue(replace(held, attempts=PATIENCE))
    assert house.adopted == 0


async def test_while_the_key_is_away_receipts_wait(house: House) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.accepted(transfer)
    house.signer = away = Away(house.signer)  # type: ignore[assignment] # of a signer, what is needed here
    (held,) = await house.work()

    with pytest.raises(TryAgain, match="away"):
        await house.issuer.issue(held)
    assert await house.issued() == {}

    away.key = away.back
    await house.issuer.issue(held)
    assert (await house.issued()).keys() == {transfer}


async def test_told_twice_or_done_by_two_it_stays_the_same(house: House) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.accepted(transfer)
    (held,) = await house.work()
    ended = await asyncio.gather(house.issuer.issue(held), house.issuer.issue(held), return_exceptions=True)
    assert all(one is None or isinstance(one, StaleLease) for one in ended)
    first = await house.issued()

    await house.accepted(transfer)
    await house.issue()

    assert await house.issued() == first
    assert await house.told() == 1
    assert await house.work() == []


async def test_what_was_signed_before_a_death_is_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.accepted(transfer)
    (held,) = await house.work()

    def strike(name: str) -> None:
        if name == "proof.receipt.kept":
            raise Died

    monkeypatch.setattr(faults, "strike", strike)
    with pytest.raises(Died):
        await house.issuer.issue(held)
    monkeypatch.setattr(faults, "strike", None)
    first = await house.issued()
    await house.issuer.issue(held)

    assert first.keys() == {transfer}
    assert await house.issued() == first
    assert await house.told() == 1


async def test_of_what_was_purged_before_anybody_read_it_there_is_none_and_nobody_waits(house: House) -> None:
    transfer = await house.stored(read=False)
    await house.read(transfer, gone_at=now())
    await house.recorded(transfer)
    await house.accepted(transfer)

    await house.issue()

    assert await house.issued() == {}
    assert await house.work() == []


async def test_many_that_come_together_are_few_pieces_of_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "TRANSFERS", 3)
    transfers = [await house.stored() for _ in range(7)]
    await house.recorded(*transfers)
    await house.accepted(*transfers)

    pieces = await house.work()
    assert [len(held.payload["transfers"]) for held in pieces] == [3, 3, 1]
    for held in pieces:
        await house.issuer.issue(held)
    assert (await house.issued()).keys() == set(transfers)


async def test_nobody_changes_a_receipt(house: House, databases: Databases) -> None:
    transfer = await house.stored()
    await house.recorded(transfer)
    await house.accepted(transfer)
    await house.issue()

    with pytest.raises(Exception, match="permission denied"):
        async with house.database.begin() as tx:
            await tx.connection.execute(text("UPDATE receipt SET body = ''"))
    with pytest.raises(Exception, match="never changed"):
        await databases.as_superuser("UPDATE proof.receipt SET body = ''")


As = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def seen_by(databases: Databases, tmp_path: Path) -> AsyncIterator[As]:
    settings = RoomSettings(
        database_url=SecretStr(databases.url("proof")), internal_secret=SecretStr(SECRET), base_url=BASE
    )
    room = build(settings, ProofSettings(staging_url=tmp_path.as_uri()), LocalTransport())
    room.app.state.verifier = a_verifier()

    def client(role: Role, *establishments: UUID) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {a_token(role, *establishments)}"}
        return httpx.AsyncClient(transport=httpx.ASGITransport(room.app), base_url=BASE, headers=headers)

    yield client
    await room.foundation.calls.close()
    await room.foundation.database.engine.dispose()


async def test_it_is_given_to_those_who_may_see_the_transfer_and_to_nobody_else(house: House, seen_by: As) -> None:
    transfer, waiting = await house.stored(), await house.stored(read=False)
    await house.recorded(transfer)
    await house.accepted(transfer)
    await house.issue()
    place = f"/proof/v1/transfers/{transfer}/receipt"

    given = await seen_by(Role.DEPOSITOR, ESTABLISHMENT).get(place)
    assert (given.status_code, given.headers["content-type"]) == (200, "application/jose")
    assert given.text == (await house.issued())[transfer]
    assert await house.told("receipt.communicated") == 1

    stranger = seen_by(Role.DEPOSITOR, OTHER_ESTABLISHMENT)
    for known in (place, f"/proof/v1/transfers/{waiting}/receipt", f"/proof/v1/transfers/{uuid4()}/receipt"):
        assert (await stranger.get(known)).status_code == 404
    assert (await seen_by(Role.READER, ESTABLISHMENT).get(place)).status_code == 403

    early = await seen_by(Role.AUDITOR, ESTABLISHMENT).get(f"/proof/v1/transfers/{waiting}/receipt")
    assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (409, "receipt_not_ready", "5")
    # Nobody told of its acceptance, and it is recorded: whoever asks has it issued.
    await house.read(waiting)
    await house.recorded(waiting)
    await house.issue()
    assert waiting in await house.issued()
