"""What others publish, fetched within bounds: so many octets, so long, from where it is said to be alone."""

import asyncio
import ssl
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx

from services.proof.stamping.errors import AuthorityAway

CONNECT_SECONDS: Final = 5.0


@cache
def _tls() -> ssl.SSLContext:
    """Return what servers are believed by: to read all those roots takes a while."""
    return httpx.create_ssl_context(trust_env=False)


class Fetcher:
    """A client of authorities and of what they publish. It follows no redirection, and heeds no environment."""

    def __init__(self, seconds: float = 15.0) -> None:
        """Give each answer so many seconds in all."""
        self._seconds = seconds
        timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
        self._client = httpx.AsyncClient(timeout=timeout, verify=_tls(), trust_env=False, follow_redirects=False)

    async def get(self, url: str, most: int) -> bytes:
        """Return what is at an address. Raises `AuthorityAway` where it is not http(s), fails, or is above `most`."""
        if urlsplit(url).scheme not in {"http", "https"}:
            raise AuthorityAway("an address that is not http(s)")
        return await self._answer(self._client.build_request("GET", url), most, "")

    async def post(
        self, url: str, content: bytes, kinds: tuple[str, str], most: int, auth: tuple[str, str] | None = None
    ) -> bytes:
        """Return the answer to `content`; `kinds` are the media types of what is sent, and of what must come back.

        Raises `AuthorityAway`.
        """
        sent, wanted = kinds
        headers = {"Content-Type": sent, "Accept": wanted}
        request = self._client.build_request("POST", url, content=content, headers=headers)
        return await self._answer(request, most, wanted, None if auth is None else httpx.BasicAuth(*auth))

    async def _answer(
        self, request: httpx.Request, most: int, wanted: str, auth: httpx.BasicAuth | None = None
    ) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._client.send(request, stream=True, auth=auth)
                try:
                    return await _read(response, most, wanted)
                finally:
                    await response.aclose()
        except TimeoutError as error:
            raise AuthorityAway(f"no answer within {self._seconds} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise AuthorityAway(type(error).__name__) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _read(response: httpx.Response, most: int, wanted: str) -> bytes:
    if response.status_code != 200:
        raise AuthorityAway(f"HTTP status {response.status_code}")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if wanted and kind != wanted:
        raise AuthorityAway(f"an answer that is not {wanted}")
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > most:
            raise AuthorityAway(f"more than {most} octets")
    return bytes(content)
