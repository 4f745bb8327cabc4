"""Posts a webhook: to an address that was looked at, with the certificate of the name, following nobody.

The name is resolved once; each of its addresses is looked at, and the connection goes to one of these: a name server
that answers differently the next time changes nothing.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpcore
import httpx
from typing_extensions import override

from services.admin.adapters.names import Resolve
from services.admin.domain.addresses import Network, refused
from services.admin.domain.webhook import LONGEST_WAIT, REST, SLOW
from shared.telling import told

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 15.0
DRAINED_BYTES = 4096
"""Bytes of an answer's body that are read, and thrown away: a receiver need not see its answer cut off."""
DRAIN_SECONDS = 2.0
TIMEOUT = "timeout"


class AddressRefused(httpcore.ConnectError):
    """The name leads, or leads among others, to where no webhook may go."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: a status, or in its place why there is none (`reason`).

    `seconds` is the time until then; `held` is that for which it had a hand, until its body was drained. `wait` is
    what a receiver that refuses asks for.
    """

    status: int | None
    seconds: float
    reason: str | None = None
    wait: timedelta | None = None
    held: float = 0.0

    @property
    def delivered(self) -> bool:
        """Say whether the receiver has taken the message."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def rest(self) -> timedelta | None:
        """Return for how long the endpoint is left alone.

        One that did not answer in time held a hand for nothing; one that has too much to do may say until when.
        """
        if self.reason == TIMEOUT:
            return REST
        return min(self.wait, LONGEST_WAIT) if self.wait and self.status in {429, 503} else None

    @property
    def slow(self) -> bool:
        """Say whether it had a hand for so long that prompt receivers should not wait for it."""
        return self.held > SLOW.total_seconds()

    @property
    def gone(self) -> bool:
        """Say whether the receiver wants nothing more."""
        return self.status == 410


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to no address but those that a webhook may go to."""

    def __init__(self, resolve: Resolve, allowed: Sequence[Network]) -> None:
        self._resolve = resolve
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return await self._connected(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error

    async def _connected(self, host: str, port: int) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("unknown name") from error
        if not addresses or refused(addresses, self._allowed):
            # One that is private among public ones is no mistake that we could make good.
            raise AddressRefused
        # One that is silent leaves time for the others: IPv6 is dropped without a word in more than one network.
        share = CONNECT_SECONDS / len(addresses)
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore.ConnectError, TimeoutError):
                async with asyncio.timeout(share):
                    return await self._inner.connect_tcp(address, port)
        return await self._inner.connect_tcp(addresses[-1], port)

    @override
    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class Poster:
    """Posts webhooks. Neither proxies nor certificates are taken from the environment."""

    def __init__(
        self,
        resolve: Resolve,
        allowed: Sequence[Network] = (),
        authorities: Path | None = None,
        *,
        seconds: float = WHOLE_SECONDS,
    ) -> None:
        self._guarded = _Guarded(resolve, allowed)
        self._seconds = seconds
        self._tls: ssl.SSLContext = httpx.create_ssl_context(trust_env=False)
        if authorities is not None:
            self._tls.load_verify_locations(cafile=authorities)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post a body; whatever happens is an answer."""
        started = time.monotonic()
        try:
            async with AsyncExitStack() as opened:
                async with asyncio.timeout(self._seconds):
                    response = await self._posted(opened, url, headers, body)
                answer = Answer(response.status, time.monotonic() - started, wait=_asked(response))
                # It has answered: however its body comes, nothing more is asked of it.
                await _drain(response)
        except Exception as error:  # noqa: BLE001 (whatever a receiver does, its delivery has been tried)
            answer = Answer(None, time.monotonic() - started, _reason(error))
        return replace(answer, held=time.monotonic() - started)

    async def _posted(
        self, opened: AsyncExitStack, url: str, headers: Mapping[str, str], body: bytes
    ) -> httpcore.Response:
        timeouts = {"connect": CONNECT_SECONDS, "read": self._seconds, "write": self._seconds}
        # A pool of its own: no connection is kept, so that none is used for another's name or another's moment.
        pool = httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._guarded)
        await opened.enter_async_context(pool)
        return await opened.enter_async_context(
            pool.stream("POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeouts})
        )


async def _drain(response: httpcore.Response) -> None:
    read = 0
    # The message has been taken by then.
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in response.aiter_stream():
                read += len(chunk)
                if read >= DRAINED_BYTES:
                    return


_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError() | httpcore.TimeoutException():
            return TIMEOUT
        case AddressRefused():
            return "address_refused"
        case httpcore.ConnectError():
            return _unreached(error)
        case ssl.SSLError():
            # After the handshake, where nobody translates it: a receiver that asks for a certificate of ours, say.
            return "tls_failed"
        case ValueError():
            # A name that no certificate could be of: it is taken for one only until then.
            return "unknown_name"
    if not isinstance(error, _BROKEN):
        log.warning("a webhook broke off", extra={"reason": told(error)})
    return "broken_off"


def _unreached(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "certificate_refused" if isinstance(cause, ssl.SSLCertVerificationError) else "tls_failed"
        cause = cause.__cause__ or cause.__context__
    return "unknown_name" if str(error) == "unknown name" else "not_reached"


def _asked(response: httpcore.Response) -> timedelta | None:
    """Return what ``Retry-After`` asks for: seconds, or a date (RFC 9110, 10.2.3)."""
    said = next((value for name, value in response.headers if name.lower() == b"retry-after"), b"")
    text = said.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), 10**8))
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return max(timedelta(0), until - datetime.now(UTC))
    except (ValueError, OverflowError):
        return None
