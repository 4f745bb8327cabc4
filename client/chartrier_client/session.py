"""One authenticated conversation with an archive: tokens, time limits, and trying again with care.

What is tried again: a GET that met a broken network or an overloaded server; any request the archive
declined with 429 or 503 *and* a Retry-After, for then it has said that nothing was done.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import httpx

from chartrier_client.answers import text
from chartrier_client.errors import UnexpectedAnswer, Unreachable, problem_from

TIMEOUT = httpx.Timeout(60.0, connect=10.0)
ATTEMPTS = 5
FIRST_PAUSE = 0.5
# A server that asks for more patience than this is better reported than waited for.
LONGEST_PAUSE = 60.0
# Renewed this long before it ends, so that a token never expires on its way.
TOKEN_MARGIN = 30.0
BUSY = frozenset({429, 503})
PASSING = frozenset({502, 504}) | BUSY
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Makes the options of one attempt: a body that is a file must be opened anew each time.
Options = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an archive's administrator gives to a client; the secret never shows in a log."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)


class Session:
    """Sends requests as one client of the archive; safe to share between threads."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        language: str = "fr",
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._pause = pause
        self._clock = clock
        self._token = ""
        self._token_ends = 0.0
        self._token_lock = Lock()
        self._http = httpx.Client(
            base_url=credentials.base_url,
            timeout=TIMEOUT,
            headers={"Accept-Language": language, "User-Agent": "chartrier-client"},
            # An office's proxy is of no use, and often an obstacle, to reach one's own machine.
            trust_env=httpx.URL(credentials.base_url).host not in LOOPBACK,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """GET a JSON object."""
        return self.json("GET", path, lambda: {"params": params} if params else {})

    def json(self, method: str, path: str, options: Options = dict) -> dict[str, Any]:
        """Send a request and return the JSON object answered, or raise what went wrong."""
        with self.stream(method, path, options) as response:
            response.read()
            return _object(response)

    def content(self, path: str) -> bytes:
        """GET a small document whole."""
        with self.stream("GET", path) as response:
            return response.read()

    @contextmanager
    def stream(self, method: str, path: str, options: Options = dict) -> Iterator[httpx.Response]:
        """Open a successful response, not yet read."""
        response = self._tried(lambda: self._authenticated(method, path, options), safe=method == "GET")
        try:
            yield response
        except httpx.TransportError as error:
            raise Unreachable(f"the answer to {method} {path} broke off: {_said(error)}") from error
        finally:
            response.close()

    def _tried(self, send: Callable[[], httpx.Response], *, safe: bool) -> httpx.Response:
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            growing = FIRST_PAUSE * 2**attempt
            try:
                response = send()
                if response.is_success:
                    return response
                wait = _patience(response, growing, safe=safe)
                if wait is None or last:
                    response.read()
                    raise problem_from(response)
                response.close()
            except httpx.TransportError as error:
                if last or not safe:
                    raise Unreachable(f"{self._credentials.base_url}: {_said(error)}") from error
                wait = growing
            self._pause(wait)
        raise AssertionError("the last attempt returns or raises")

    def _authenticated(self, method: str, path: str, options: Options) -> httpx.Response:
        token = self._valid_token()
        response = self._send(method, path, token, options())
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # A restarted archive may refuse a token before its time: ask once for another.
            response.close()
            response = self._send(method, path, self._valid_token(refused=token), options())
        return response

    def _send(self, method: str, path: str, token: str, options: Mapping[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", **options.get("headers", {})}
        request = self._http.build_request(method, path, **{**options, "headers": headers})
        return self._http.send(request, stream=True)

    def _valid_token(self, refused: str | None = None) -> str:
        with self._token_lock:
            if self._token == refused or self._clock() >= self._token_ends:
                # Asking twice for a token has no other effect than a second token.
                response = self._tried(self._ask_for_a_token, safe=True)
                body = _object(response)
                self._token = text(body, "access_token")
                self._token_ends = self._clock() + float(text(body, "expires_in")) - TOKEN_MARGIN
            return self._token

    def _ask_for_a_token(self) -> httpx.Response:
        return self._http.post(
            "/admin/v1/token",
            data={"grant_type": "client_credentials"},
            auth=(self._credentials.client_id, self._credentials.client_secret),
        )


def _patience(response: httpx.Response, growing: float, *, safe: bool) -> float | None:
    """Tell how long to wait before trying again, or None when the answer is final."""
    asked = response.headers.get("Retry-After", "")
    if response.status_code in BUSY and asked.isdecimal():
        return float(asked) if float(asked) <= LONGEST_PAUSE else None
    return growing if safe and response.status_code in PASSING else None


def _object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UnexpectedAnswer(f"{response.url} did not answer with a JSON object: is it an archive?")
    return body


def _said(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
