"""Time servers to test against: NTP over UDP on loopback, as wrong as they are told to be."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from services.proof.sntp import TimeSource
from shared.clock import now

EPOCH = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass
class ATimeServer(asyncio.DatagramProtocol):
    """`ahead` is how much its clock is; `says` what it answers: the time, or something of no use."""

    ahead: timedelta = timedelta(0)
    says: str = "the time"
    asked: int = 0
    port: int = 0

    @property
    def source(self) -> TimeSource:
        """Return how it is addressed."""
        return TimeSource("127.0.0.1", self.port)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    @override
    def datagram_received(self, data: bytes, addr: object) -> None:
        self.asked += 1
        if self.says != "nothing":
            self._transport.sendto(self._answer(data[40:48]), addr)  # type: ignore[attr-defined]

    def _answer(self, nonce: bytes) -> bytes:
        stamp = _stamp(now() + self.ahead)
        first = {"no time": 0xE4, "a question": 0x23}.get(self.says, 0x24)
        stratum = {"leave me alone": 0, "no stratum": 16}.get(self.says, 2)
        originate = bytes(8) if self.says == "another's answer" else nonce
        packet = struct.pack("!BBbb3I", first, stratum, 6, -20, 0, 0, 0) + stamp + originate + stamp + stamp
        return packet[:40] if self.says == "half" else packet


def _stamp(moment: datetime) -> bytes:
    since = moment - EPOCH
    fraction = (since.microseconds << 32) // 1_000_000
    return struct.pack("!2I", int(since.total_seconds()) % 2**32, fraction)


@contextlib.asynccontextmanager
async def running_time_server(ahead: float = 0, says: str = "the time") -> AsyncIterator[ATimeServer]:
    """Lend a server that is so many seconds ahead."""
    server = ATimeServer(timedelta(seconds=ahead), says)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
