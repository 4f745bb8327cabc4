import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import psutil
import pytest

from services.local import rabbitmq

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("mq") / "rabbitmq"
    yield place
    rabbitmq.kill(place)


def of_this_broker(folder: Path) -> list[psutil.Process]:
    """Every process that was given this folder, whatever became of its parents."""
    found = []
    for process in psutil.process_iter():
        try:
            given = process.environ().get("HOME", "")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if given.startswith(str(folder)) and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


async def test_a_confirmed_message_survives_a_stop_and_a_kill_at_the_same_address(folder: Path) -> None:
    broker = await asyncio.to_thread(rabbitmq.start, folder)
    async with await aio_pika.connect(broker.url) as line:
        channel = await line.channel(publisher_confirms=True)
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"hello", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept")
    await asyncio.to_thread(rabbitmq.stop, folder)
    assert of_this_broker(folder) == []
    assert (await asyncio.to_thread(rabbitmq.start, folder)).url == broker.url
    await asyncio.to_thread(rabbitmq.kill, folder)
    assert of_this_broker(folder) == []
    await asyncio.to_thread(rabbitmq.start, folder)
    async with await aio_pika.connect(broker.url) as line:
        queue = await (await line.channel()).get_queue("kept")
        received = await queue.get(timeout=10)
        assert received.body == b"hello"
        await received.ack()


async def test_a_broker_left_running_is_used_again_and_guest_is_refused(folder: Path) -> None:
    broker = await asyncio.to_thread(rabbitmq.start, folder)
    before = {process.pid for process in of_this_broker(folder)}
    assert (await asyncio.to_thread(rabbitmq.start, folder)).url == broker.url
    assert {process.pid for process in of_this_broker(folder)} == before
    address = broker.url.rpartition("@")[2]
    with pytest.raises(aio_pika.exceptions.AMQPError):
        await aio_pika.connect(f"amqp://guest:guest@{address}")


def test_the_broker_listens_on_loopback_only_and_keeps_its_secrets_private(folder: Path) -> None:
    rabbitmq.start(folder)
    listening = {
        connection.laddr.ip
        for process in of_this_broker(folder)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1"}
    for secret in ("rabbitmq.json", "rabbitmq.conf", "home/.erlang.cookie"):
        assert (folder / secret).stat().st_mode & 0o077 == 0
        assert (folder / secret).stat().st_uid == os.geteuid()


def test_a_machine_without_rabbitmq_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(rabbitmq.MissingServerError, match="apt-get install rabbitmq-server"):
        rabbitmq.program()
