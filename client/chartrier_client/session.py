"""Takes the steps of a conversation one by one, in the thread that asks."""

import time
from collections.abc import Callable, Generator
from threading import Lock
from typing import Any, Final, TypeVar

import httpx

from chartrier_client.conversation import (
    FAILURES,
    TIMEOUT,
    Authorise,
    Close,
    Conversation,
    Credentials,
    Flow,
    Pause,
    Question,
    Read,
    Save,
    Send,
    Step,
    Work,
    options_of,
    trusts_proxies,
)

CHUNK: Final = 1 << 20
T = TypeVar("T")


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
        self.conversation = Conversation(credentials, clock)
        self._pause = pause
        self._token_lock = Lock()
        self._http = httpx.Client(
            base_url=credentials.base_url,
            timeout=TIMEOUT,
            headers={"Accept-Language": language, "User-Agent": "chartrier-client"},
            trust_env=trusts_proxies(credentials.base_url),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def run(self, flow: Flow[T]) -> T:
        """Take every step of a flow, and return what it returns."""
        try:
            step = next(flow)
            while True:
                try:
                    outcome = self._take(step)
                except FAILURES as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(outcome)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def _take(self, step: Step) -> Any:  # noqa: ANN401 (each kind of step has its own outcome)
        if isinstance(step, Send):
            return self._send(step)
        if isinstance(step, Authorise):
            with self._token_lock:
                return self.run(self.conversation.token(step.refused))
        if isinstance(step, Work):
            return step.do()
        if isinstance(step, Pause):
            return self._pause(step.seconds)
        return _finish(step)

    def _send(self, step: Send) -> httpx.Response:
        question = step.question
        options = options_of(question) | ({"content": pieces(question)} if question.file else {})
        request = self._http.build_request(question.method, question.path, **options)
        return self._http.send(request, stream=True, auth=step.auth)


def _finish(step: Read | Save | Close) -> None:
    try:
        if isinstance(step, Read):
            step.response.read()
        elif isinstance(step, Save):
            for piece in step.response.iter_bytes(CHUNK):
                step.write(piece)
    finally:
        step.response.close()


def pieces(question: Question) -> Generator[bytes, None, None]:
    """Read the file of a question piece by piece, and tell how far."""
    if question.file is None:
        return
    sent, total = 0, question.file.stat().st_size
    with question.file.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
            sent += len(piece)
            if question.on_sent:
                question.on_sent(sent, total)
