"""How one talks to an archive, without any input or output: tokens, and trying again with care.

Everything here is a flow: a generator that yields steps and is given their outcomes, or one of `FAILURES` where a
step fails for a reason beyond this machine. `session.py` takes the steps one by one, `async_session.py` awaits them;
so the manners are written once.

What is tried again: a GET or a HEAD that met a broken network or an overloaded server; any request the archive
declined with 429 or 503 *and* a Retry-After, for then it has said that nothing was done.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import httpx

from chartrier_client.answers import text
from chartrier_client.errors import NoToken, Problem, UnexpectedAnswer, Unreachable, problem_from
from chartrier_client.language import Text

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
# The archive has read and hashed the whole body when it answers: give it time for large ones.
DEPOSIT_TIMEOUT: Final = 600.0
ATTEMPTS: Final = 5
FIRST_PAUSE: Final = 0.5
# A server that asks for more patience than this is better reported than waited for.
LONGEST_PAUSE: Final = 60.0
# Renewed this long before it ends, so that a token never expires on its way.
TOKEN_MARGIN: Final = 30.0
BUSY: Final = frozenset({429, 503})
PASSING: Final = frozenset({502, 504}) | BUSY
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an archive's administrator gives to a client; the secret never shows in a log."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `file` is a body read from disk as it is sent, anew at each attempt; `on_sent` hears how far."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    data: Mapping[str, str] | None = None
    content: bytes | None = None
    file: Path | None = None
    on_sent: Callable[[int, int], None] | None = None
    timeout: float | None = None

    @property
    def is_safe(self) -> bool:
        """Whether asking twice does no more than asking once."""
        return self.method in {"GET", "HEAD"}


@dataclass(frozen=True, slots=True)
class Send:
    """Send a question, and answer with the response, its content not yet read."""

    question: Question
    auth: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """Read the content of a response whole."""

    response: httpx.Response


@dataclass(frozen=True, slots=True)
class Save:
    """Hand the content of a response on, piece by piece."""

    response: httpx.Response
    write: Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Close:
    """Leave a response unread."""

    response: httpx.Response


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Work:
    """Do something that takes a while on this machine, and answer with what it returns."""

    do: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Authorise:
    """Answer with a valid token, other than the `refused` one; one at a time asks for a new one."""

    refused: str | None = None


Step: TypeAlias = Send | Read | Save | Close | Pause | Work | Authorise
Flow: TypeAlias = Generator[Step, Any, T]

FAILURES: Final = (httpx.TransportError, Unreachable, UnexpectedAnswer, Problem)
"""What a flow hears of, and may go on after: a broken network, and an archive that is away or gives no token."""


class Conversation:
    """What both ways to talk to an archive share: who we are, and the token we hold."""

    def __init__(self, credentials: Credentials, clock: Callable[[], float] = time.monotonic) -> None:
        self.credentials = credentials
        self._clock = clock
        self._token = ""
        self._token_ends = 0.0

    def ask(self, question: Question) -> Flow[httpx.Response]:
        """Ask until there is a successful response, not yet read; raises what went wrong."""
        return (yield from self._tried(lambda: self.once(question), safe=question.is_safe))

    def once(self, question: Question) -> Flow[httpx.Response]:
        """Ask once, with a token; whatever is answered is returned, and a broken network raises what httpx does.

        Raises `Unreachable` or `NoToken` where no token is to be had.
        """
        token: str = yield Authorise()
        response: httpx.Response = yield Send(_with(question, token))
        if response.status_code == httpx.codes.UNAUTHORIZED:
            # A restarted archive may refuse a token before its time: ask once for another.
            yield Close(response)
            token = yield Authorise(refused=token)
            response = yield Send(_with(question, token))
        return response

    def json(self, question: Question) -> Flow[dict[str, Any]]:
        """Ask, and return the JSON object answered."""
        response = yield from self.ask(question)
        yield from self.read(question, response)
        return json_object(response)

    def content(self, path: str) -> Flow[bytes]:
        """Ask for a small document whole."""
        question = Question("GET", path)
        response = yield from self.ask(question)
        yield from self.read(question, response)
        return response.content

    def read(self, question: Question, response: httpx.Response) -> Flow[None]:
        """Read a response whole."""
        try:
            yield Read(response)
        except httpx.TransportError as error:
            raise broken_off(question, error) from error

    def token(self, refused: str | None) -> Flow[str]:
        """Return a valid token; only what has the sole use of this conversation may run this."""
        if self._token == refused or self._clock() >= self._token_ends:
            try:
                # Asking twice for a token has no other effect than a second token.
                response = yield from self._tried(self._ask_for_a_token, safe=True)
            except Problem as problem:
                raise NoToken(
                    problem.status, problem.code, problem.title, problem.detail, problem.findings
                ) from problem
            yield Read(response)
            body = json_object(response)
            self._token = text(body, "access_token")
            self._token_ends = self._clock() + float(text(body, "expires_in")) - TOKEN_MARGIN
        return self._token

    def _ask_for_a_token(self) -> Flow[httpx.Response]:
        question = Question("POST", "/admin/v1/token", data={"grant_type": "client_credentials"})
        response: httpx.Response = yield Send(question, (self.credentials.client_id, self.credentials.client_secret))
        return response

    def _tried(self, send: Callable[[], Flow[httpx.Response]], *, safe: bool) -> Flow[httpx.Response]:
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            growing = FIRST_PAUSE * 2**attempt
            try:
                response = yield from send()
                if response.is_success:
                    return response
                wait = patience(response, growing, safe=safe)
                if wait is None or last:
                    yield Read(response)
                    raise problem_from(response)
                yield Close(response)
            except httpx.TransportError as error:
                if last or not safe:
                    raise Unreachable(f"{self.credentials.base_url}: {said(error)}") from error
                wait = growing
            yield Pause(wait)
        raise AssertionError("the last attempt returns or raises")


def _with(question: Question, token: str) -> Question:
    return replace(question, headers={"Authorization": f"Bearer {token}", **question.headers})


def patience(response: httpx.Response, growing: float, *, safe: bool) -> float | None:
    """Tell how long to wait before trying again, or None when the answer is final."""
    asked = response.headers.get("Retry-After", "")
    if response.status_code in BUSY and asked.isdecimal():
        return float(asked) if float(asked) <= LONGEST_PAUSE else None
    return growing if safe and response.status_code in PASSING else None


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the object that a response holds; raises `UnexpectedAnswer` where it holds none."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UnexpectedAnswer(
            Text(
                f"{response.url} n'a pas répondu par un objet JSON : est-ce une archive ?",
                f"{response.url} did not answer with a JSON object: is it an archive?",
            )
        )
    return body


def broken_off(question: Question, error: httpx.TransportError) -> Unreachable:
    """Say that an answer began and did not end."""
    return Unreachable(
        Text(
            f"la réponse à {question.method} {question.path} s'est interrompue : {said(error)}",
            f"the answer to {question.method} {question.path} broke off: {said(error)}",
        )
    )


def said(error: httpx.TransportError) -> str:
    """Return what a broken network says of itself."""
    return str(error) or type(error).__name__


def options_of(question: Question) -> dict[str, Any]:
    """Return what httpx is told of a question, but for a body from disk."""
    named: dict[str, Any] = {
        "params": question.params or None,
        "headers": dict(question.headers),
        "json": question.json,
        "data": question.data,
        "content": question.content,
    }
    options = {name: value for name, value in named.items() if value is not None}
    if question.file:
        # Said beforehand, since a stream has no length of its own; what changes on its way breaks off.
        options["headers"]["Content-Length"] = str(question.file.stat().st_size)
    return options | ({"timeout": question.timeout} if question.timeout else {})


def trusts_proxies(base_url: str) -> bool:
    """Whether the proxies of the environment are used: an office's is an obstacle to reach one's own machine."""
    return httpx.URL(base_url).host not in LOOPBACK
