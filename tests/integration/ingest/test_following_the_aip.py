"""News of an AIP, in any order and any number of times: one acceptance, one reply, always the same bytes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.ingest import handlers, queries
from services.ingest.admission import Judged
from services.ingest.domain.transfer import IllegalStep, TransferState
from services.ingest.handlers import aip_key
from services.ingest.queries import Transfer
from services.ingest.recording import conclude
from services.ingest.tasks import Checked
from services.ingest.worker import Workshop
from shared.clock import now, rfc3339
from shared.identifiers import new_id
from shared.messages.data_management import AipCataloguedV1
from shared.messages.ingest import AipBuiltV1, MemberV1, SipReceivedV1, SipRejectedV1, TransferCompletedV1
from shared.messages.journal import TRANSFER_ACCEPTED
from shared.messages.proof import DepositRecordedV1
from shared.messages.storage import AipStorageRefusedV1, AipStoredV1
from shared.messaging.lease import Piece
from shared.messaging.outcome import Rejected, TryAgain
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import StaleLease, enqueue
from shared.object_store.errors import StoreUnavailable
from tests.integration.ingest.bench import UNHURRIED, Bench, Fuse, FusedDatabase, PowerCut

pytestmark = pytest.mark.integration

Hear = Callable[[Transaction, Any], Awaitable[None]]


def stored(built: AipBuiltV1) -> AipStoredV1:
    return AipStoredV1(
        aip_id=built.aip_id,
        transfer_id=built.transfer_id,
        establishment=built.establishment,
        version=1,
        sha512=built.sha512,
        size=built.size,
        receipts=(),
        catalogue=built.catalogue,
    )


def catalogued(built: AipBuiltV1) -> AipCataloguedV1:
    return AipCataloguedV1(
        aip_id=built.aip_id,
        transfer_id=built.transfer_id,
        establishment=built.establishment,
        version=1,
        units=3,
        objects=2,
    )


def recorded(built: AipBuiltV1) -> DepositRecordedV1:
    return DepositRecordedV1(transfer_id=built.transfer_id, establishment=built.establishment, positions=())


def refused(built: AipBuiltV1) -> AipStorageRefusedV1:
    return AipStorageRefusedV1(
        aip_id=built.aip_id, transfer_id=built.transfer_id, establishment=built.establishment, reason="bit rot"
    )


async def hear(bench: Bench, handle: Hear, message: object, database: RoomDatabase | None = None) -> None:
    async with (database or bench.database).begin() as tx:
        await handle(tx, [message])


async def grant(bench: Bench, message: DepositRecordedV1, fuse: Fuse | None = None) -> None:
    fuse = fuse or Fuse()
    async with FusedDatabase(bench.database, fuse).begin() as tx:
        await handlers.grant(fuse.on(bench.staging), tx, [message])


async def handed_over(bench: Bench) -> AipBuiltV1:
    deposited = await bench.deposit()
    await bench.process()
    return await bench.built(deposited.id)


async def recording(bench: Bench) -> AipBuiltV1:
    """A transfer of which only the journal's word is missing."""
    built = await handed_over(bench)
    await hear(bench, handlers.await_catalogue, stored(built))
    await hear(bench, handlers.record_deposit, catalogued(built))
    return built


async def of(bench: Bench, built: AipBuiltV1) -> Transfer:
    return await bench.transfer(built.transfer_id)


async def test_stored_catalogued_recorded_makes_it_accepted(bench: Bench) -> None:
    built = await handed_over(bench)
    message = recorded(built)

    await hear(bench, handlers.await_catalogue, stored(built))
    assert (await of(bench, built)).state is TransferState.CATALOGUING
    await hear(bench, handlers.record_deposit, catalogued(built))
    assert (await of(bench, built)).state is TransferState.RECORDING
    await grant(bench, message)

    transfer = await of(bench, built)
    assert (transfer.state, transfer.granted_at) == (TransferState.ACCEPTED, message.occurred_at)
    reply = (await bench.staged(str(transfer.reply_key))).decode()
    assert f"<GrantDate>{rfc3339(message.occurred_at)}</GrantDate>" in reply
    assert "DataObjectSystemId" in reply
    (line,) = await bench.lines(TRANSFER_ACCEPTED)
    assert (line.details["aip"], line.details["aip_sha512"]) == (str(built.aip_id), built.sha512)
    assert (line.details["sip_sha512"], line.details["sip_size"]) == (transfer.sha512, transfer.size)
    agreement = (line.details["agreement"], line.details["agreement_version"])
    assert agreement == (str(transfer.agreement), transfer.agreement_version)
    (completed,) = await bench.told(TransferCompletedV1)
    assert (completed.aip_id, completed.reply_key) == (built.aip_id, transfer.reply_key)
    assert completed.causation_id == message.message_id
    (received,) = [sip for sip in await bench.told(SipReceivedV1) if sip.transfer_id == transfer.id]
    assert built.causation_id == received.message_id


async def test_catalogued_before_stored_comes_to_the_same(bench: Bench) -> None:
    built = await handed_over(bench)

    await hear(bench, handlers.record_deposit, catalogued(built))
    await hear(bench, handlers.await_catalogue, stored(built))

    assert (await of(bench, built)).state is TransferState.RECORDING
    await grant(bench, recorded(built))
    await hear(bench, handlers.await_catalogue, stored(built))
    assert (await of(bench, built)).state is TransferState.ACCEPTED


async def test_news_told_twice_has_one_effect(bench: Bench) -> None:
    built = await handed_over(bench)

    news: list[tuple[Hear, object]] = [
        (handlers.await_catalogue, stored(built)),
        (handlers.record_deposit, catalogued(built)),
    ]
    for handle, message in news:
        for _ in range(2):
            await hear(bench, handle, message)
    for _ in range(2):
        await grant(bench, recorded(built))
    for handle, message in [*news, (handlers.build_again, refused(built))]:
        await hear(bench, handle, message)

    assert len(await bench.lines(TRANSFER_ACCEPTED)) == 1
    assert len(await bench.told(TransferCompletedV1)) == 1
    assert len(await bench.told(AipBuiltV1)) == 1
    assert [step["state"] for step in (await of(bench, built)).steps][-4:] == [
        "storing",
        "cataloguing",
        "recording",
        "accepted",
    ]


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_a_grant_cut_short_is_given_with_the_same_date_and_bytes(bench: Bench, at: int) -> None:
    built = await recording(bench)
    message = recorded(built).model_copy(update={"occurred_at": now() - timedelta(minutes=3)})
    fuse = Fuse(at)

    with pytest.raises(PowerCut):
        await grant(bench, message, fuse)
    assert (await of(bench, built)).state is TransferState.RECORDING
    key = f"replies/{built.transfer_id}.xml"
    left = await bench.staged(key) if key in bench.staged_keys() else None
    await grant(bench, message)

    transfer = await of(bench, built)
    assert (transfer.reply_key, transfer.granted_at) == (key, message.occurred_at)
    assert left in (None, await bench.staged(key))
    assert (left is not None) == (fuse.steps[-1] == "commit")
    assert len(await bench.told(TransferCompletedV1)) == 1


async def test_the_reply_of_an_accepted_transfer_outlives_its_staging(bench: Bench) -> None:
    built = await recording(bench)
    await grant(bench, recorded(built))
    transfer = await of(bench, built)
    reply = await bench.staged(str(transfer.reply_key))

    await bench.sweep()

    assert bench.staged_keys() == {transfer.reply_key}
    assert await bench.staged(str(transfer.reply_key)) == reply
    assert await bench.work() == set()


async def test_a_sweep_cut_short_is_swept_again(bench: Bench) -> None:
    built = await recording(bench)
    await grant(bench, recorded(built))

    with pytest.raises(PowerCut):
        await bench.fused_workshop(Fuse(2)).sweep(await bench.lease(handlers.SWEEP))
    await bench.release()
    await bench.sweep()

    assert bench.staged_keys() == {f"replies/{built.transfer_id}.xml"}


async def spoil(bench: Bench, key: str) -> None:
    """Flip one bit of a staged file, whose folder is not what it was any more."""
    path = bench.staging.path_of(key)
    assert path is not None
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", ["gone", "spoiled"])
async def test_an_aip_that_storage_refused_is_built_again_with_the_same_bytes(bench: Bench, damage: str) -> None:
    built = await handed_over(bench)
    good = await bench.staged(built.staging_key)
    if damage == "gone":
        await bench.staging.delete(built.staging_key)
    else:
        await spoil(bench, built.staging_key)

    refusal = refused(built)
    await hear(bench, handlers.build_again, refusal)
    await until_built(bench)

    _, again = await bench.told(AipBuiltV1)
    said_anew = {"message_id": again.message_id, "occurred_at": again.occurred_at}
    assert again == built.model_copy(update={**said_anew, "causation_id": refusal.message_id})
    assert await bench.staged(built.staging_key) == good
    assert await bench.work() == set()


async def until_built(bench: Bench) -> None:
    """Do the work as its loop does: once more after a failure of the world."""
    try:
        await bench.process()
    except TryAgain:
        await bench.release()
        await bench.process()


async def test_a_refusal_cut_short_may_end_otherwise_when_the_rules_have_changed(bench: Bench) -> None:
    agreement = await bench.agreement(formats=("fmt/9999",))
    deposited = await bench.deposit(agreement=agreement)
    fuse = Fuse(after="put")
    with pytest.raises(PowerCut):
        await bench.process(bench.fused_workshop(fuse))
    assert f"replies/{deposited.id}.xml" in bench.staged_keys()
    async with bench.database.begin() as tx:
        await queries.keep_agreement(tx.connection, agreement.model_copy(update={"formats": (), "version": 2}))

    await bench.release()
    await bench.process()
    built = await bench.built(deposited.id)
    await hear(bench, handlers.await_catalogue, stored(built))
    await hear(bench, handlers.record_deposit, catalogued(built))
    await grant(bench, recorded(built))

    reply = await bench.staged(str((await of(bench, built)).reply_key))
    assert b"<ReplyCode>KO</ReplyCode>" not in reply
    assert await bench.told(SipRejectedV1) == []


class Overtaken:
    """Children so slow to build that another worker takes over, and the transfer is accepted and swept meanwhile."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.calls = 0

    async def call(self, function: Callable[..., object], *arguments: object, seconds: Callable[[], float]) -> object:
        self.calls += 1
        answer = await self._bench.children.call(function, *arguments, seconds=seconds)
        if self.calls == 2:
            await self._bench.release()
            await self._bench.process()
            (built,) = await self._bench.told(AipBuiltV1)
            await hear(self._bench, handlers.record_deposit, catalogued(built))
            await grant(self._bench, recorded(built))
            await self._bench.sweep()
        return answer


async def test_a_worker_that_comes_too_late_leaves_nothing_in_staging(bench: Bench) -> None:
    deposited = await bench.deposit()
    slow: Any = Overtaken(bench)

    with pytest.raises(StaleLease):
        await bench.process(Workshop(bench.ingest, slow, bench.rules, UNHURRIED))
    await bench.sweep()

    transfer = await bench.transfer(deposited.id)
    assert (transfer.state, bench.staged_keys()) == (TransferState.ACCEPTED, {transfer.reply_key})
    assert len(await bench.told(AipBuiltV1)) == 1


async def test_news_of_a_transfer_nobody_knows_is_never_handled(bench: Bench) -> None:
    stranger = AipBuiltV1(
        aip_id=new_id(),
        transfer_id=new_id(),
        establishment=new_id(),
        staging_key=aip_key(UUID(int=1)),
        sha512="0" * 128,
        size=1,
        catalogue=MemberV1(offset=0, length=1, sha512="0" * 128),
    )

    for handle, message in (
        (handlers.await_catalogue, stored(stranger)),
        (handlers.build_again, refused(stranger)),
        (handlers.record_deposit, catalogued(stranger)),
    ):
        with pytest.raises(Rejected, match=str(stranger.transfer_id)):
            await hear(bench, handle, message)
    with pytest.raises(Rejected):
        await grant(bench, recorded(stranger))


class FailsForOne:
    """A staging that is away for one reply only."""

    def __init__(self, bench: Bench, transfer: UUID) -> None:
        self._staging = bench.staging
        self._key = f"replies/{transfer}.xml"

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (it stands for the real one)
        return getattr(self._staging, name)

    async def put(self, key: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        if key == self._key:
            raise StoreUnavailable("away")
        return await self._staging.put(key, *arguments, **named)


async def grant_all(bench: Bench, staging: Any, messages: list[DepositRecordedV1]) -> None:  # noqa: ANN401
    async with bench.database.begin() as tx:
        await handlers.grant(staging, tx, messages)


async def test_several_are_granted_in_one_transaction_or_none(bench: Bench) -> None:
    builts = [await recording(bench) for _ in range(3)]
    messages = [recorded(built) for built in builts]

    with pytest.raises(TryAgain, match="staging: away"):
        await grant_all(bench, FailsForOne(bench, builts[1].transfer_id), messages)
    assert {(await of(bench, built)).state for built in builts} == {TransferState.RECORDING}
    await grant_all(bench, bench.staging, messages)

    for built, message in zip(builts, messages, strict=True):
        transfer = await of(bench, built)
        assert (transfer.state, transfer.granted_at) == (TransferState.ACCEPTED, message.occurred_at)
        assert str(transfer.id).encode() in await bench.staged(str(transfer.reply_key))
    completed = [told for told in await bench.told(TransferCompletedV1) if told.aip_id in {b.aip_id for b in builts}]
    assert {told.causation_id for told in completed} == {message.message_id for message in messages}


async def test_news_of_several_moves_each_from_where_it_stands(bench: Bench) -> None:
    builts = [await handed_over(bench) for _ in range(3)]
    await hear(bench, handlers.await_catalogue, stored(builts[0]))

    async with bench.database.begin() as tx:
        await handlers.record_deposit(tx, [catalogued(built) for built in builts])

    assert {(await of(bench, built)).state for built in builts} == {TransferState.RECORDING}
    steps = [[step["state"] for step in (await of(bench, built)).steps] for built in builts]
    assert steps[0] == steps[1] == steps[2]


async def test_a_verdict_once_committed_is_never_replaced(bench: Bench) -> None:
    """A round done again after its commit finds its transfers moved on, and says so."""
    deposited = await bench.deposit()
    await bench.process()
    before = await bench.plan(deposited.id)
    async with bench.database.begin() as tx:
        await enqueue(tx, handlers.PROCESS, Piece(str(deposited.id)))
    held = await bench.lease()
    stale = replace(await bench.transfer(deposited.id), state=TransferState.CHECKING)
    agreement = await bench.agreement()
    checked = Checked((), None, b"inventory", {}, {})

    async with bench.database.begin() as tx:
        with pytest.raises(IllegalStep, match="concluded before"):
            await conclude(bench.staging, tx, [Judged(held, stale, agreement, checked)])

    assert await bench.plan(deposited.id) == before is not None
