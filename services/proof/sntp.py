"""What time it is by a time server: one question of SNTP (RFC 4330), in the packet of NTP (RFC 5905, 7.3)."""

import asyncio
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from typing_extensions import override

from shared.clock import now

_PACKET: Final = struct.Struct("!BBbb11I")
_ASK: Final = 0x23
"""No warning, version 4, mode 3: a client."""

_SERVER: Final = 4
_UNSYNCHRONISED: Final = 3
_MOST_STRATUM: Final = 15
_EPOCH: Final = datetime(1900, 1, 1, tzinfo=UTC)
_ERA: Final = timedelta(seconds=2**32)
"""Its seconds begin anew in February 2036."""


class NoTime(Exception):
    """The server gave no time that may be believed."""


@dataclass(frozen=True, slots=True)
class TimeSource:
    """A time server."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """Return what it is called."""
        return f"{self.host}:{self.port}"


class _Question(asyncio.DatagramProtocol):
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.answer: asyncio.Future[tuple[bytes, datetime]] = asyncio.get_running_loop().create_future()

    @override
    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.answer.done():
            self.answer.set_result((data, self._clock()))

    @override
    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def drift_from(source: TimeSource, seconds: float, clock: Callable[[], datetime] = now) -> timedelta:
    """Return how much a server's clock is ahead of ours. Raises `NoTime`."""
    # Not our time but a number that nobody else knows: who answers without having been asked does not have it.
    nonce = secrets.token_bytes(8)
    try:
        async with asyncio.timeout(seconds):
            transport, question = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Question(clock), remote_addr=(source.host, source.port)
            )
            try:
                sent = clock()
                transport.sendto(_PACKET.pack(_ASK, *[0] * 12, *struct.unpack("!2I", nonce)))
                data, received = await question.answer
            finally:
                transport.close()
    except OSError as error:
        raise NoTime(f"{source.name}: {type(error).__name__}") from error
    return _drift(data, nonce, sent, received)


def _drift(data: bytes, nonce: bytes, sent: datetime, received: datetime) -> timedelta:
    if len(data) < _PACKET.size or data[24:32] != nonce:
        raise NoTime("no answer to this question")
    first, stratum = data[0], data[1]
    # Stratum 0 is a server that wants to be left alone ("kiss of death").
    if first & 7 != _SERVER or first >> 6 == _UNSYNCHRONISED or not 1 <= stratum <= _MOST_STRATUM:
        raise NoTime("the server has no time itself")
    heard, told = _moment(data[32:40], received), _moment(data[40:48], received)
    return ((heard - sent) + (told - received)) / 2


def _moment(octets: bytes, near: datetime) -> datetime:
    """Return a time stamp of NTP, in the era that is nearest to `near`."""
    seconds, fraction = struct.unpack("!2I", octets)
    moment = _EPOCH + timedelta(seconds=seconds, microseconds=fraction * 1_000_000 >> 32)
    eras = round((near - moment) / _ERA)
    return moment + eras * _ERA
