"""Receiving an object bit by bit: gather, measure, pass on; the same for every kind of store."""

import asyncio
from collections.abc import AsyncIterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from shared.checksums import Measure, Meter
from shared.object_store.errors import WrongBytes
from shared.object_store.port import NOTHING, Receipt, Written
from shared.object_store.threads import Threads

# Hashing this much takes no longer than handing it to a thread.
_AT_ONCE = 64 * 1024


class Sink(Protocol):
    """Where a writer's bytes go: a temporary file, or the parts of an upload."""

    @property
    def block_size(self) -> int:
        """How many bytes the sink wants at a time."""
        ...

    async def append(self, block: bytes) -> None:
        """Take the next block; it need not be durable yet."""
        ...

    async def publish(self, last: bytes, measure: Measure) -> Receipt:
        """Take the last block (perhaps empty), make all durable, and give it its key."""
        ...

    async def discard(self) -> None:
        """Remove every trace."""
        ...


class StreamWriter:
    """An `ObjectWriter` over any sink; small objects cost one block and no intermediate step."""

    def __init__(self, sink: Sink, threads: Threads, also: tuple[str, ...] = ()) -> None:
        self._sink = sink
        self._threads = threads
        self._meter = Meter(also)
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._size = 0
        self._over = False

    @property
    def size(self) -> int:
        """How many bytes have been given so far."""
        return self._size

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits when the store is slower than the sender."""
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        self._size += len(chunk)
        if self._waiting_size < self._sink.block_size:
            return
        block = self._take_waiting()
        for start in range(0, len(block), self._sink.block_size):
            await self._pass_on(block[start : start + self._sink.block_size])

    async def _pass_on(self, block: bytes) -> None:
        if len(block) < self._sink.block_size:
            self._waiting, self._waiting_size = [block], len(block)
            return
        # Hashing and writing use two cores at once.
        hashing = self._threads.short(self._meter.update, block)
        await asyncio.gather(hashing, self._sink.append(block))

    def _take_waiting(self) -> bytes:
        block = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting, self._waiting_size = [], 0
        return block

    async def commit(self, *, size: int | None = None, digests: Mapping[str, str] = NOTHING) -> Written:
        """Make the object durable under its key; `WrongBytes` where it is not what was announced."""
        last = self._take_waiting()
        await self._measure_last(last)
        measure, others = self._meter.measure(), self._meter.others()
        _compare(measure, others, size, digests)
        receipt = await self._sink.publish(last, measure)
        self._over = True
        return Written(receipt, measure, others)

    async def _measure_last(self, last: bytes) -> None:
        if len(last) <= _AT_ONCE:
            self._meter.update(last)
        else:
            await self._threads.short(self._meter.update, last)

    async def abort(self) -> None:
        """Forget everything received; harmless after a commit."""
        if self._over:
            return
        self._over = True
        self._waiting = []
        await self._sink.discard()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._over:
            # Shielded: a client that hangs up cancels us, and what it sent must go all the same.
            await asyncio.shield(self.abort())


def _compare(measure: Measure, others: Mapping[str, str], size: int | None, digests: Mapping[str, str]) -> None:
    if size not in (None, measure.size):
        raise WrongBytes(f"{size} bytes announced, {measure.size} received")
    found = {"sha512": measure.sha512, **others}
    for algorithm, announced in digests.items():
        if found[algorithm] != announced.lower():
            raise WrongBytes(f"{algorithm} announced {announced}, found {found[algorithm]}")


async def receive(
    writer: StreamWriter, source: AsyncIterable[bytes], size: int | None, sha512: str | None
) -> Receipt:
    """Pass a whole stream to a writer, and commit it if it is as announced."""
    async with writer:
        async for chunk in source:
            await writer.write(chunk)
        written = await writer.commit(size=size, digests=NOTHING if sha512 is None else {"sha512": sha512})
        return written.receipt
