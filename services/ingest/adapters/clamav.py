"""The antivirus: clamd's INSTREAM command, on sessions that serve one file after another.

An answer is ``stream: OK``, ``stream: <name> FOUND`` or a sentence ending in ``ERROR``.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from tempfile import SpooledTemporaryFile

from services.ingest.adapters.clamd_sessions import NoAnswer, Session, Sessions
from services.ingest.domain.errors import ScannerUnavailable
from services.ingest.domain.instruments import ScanReport
from services.ingest.domain.limits import MIB

STREAM_MAX = 25 * MIB
"""clamd's own limit where its configuration says nothing."""


class Clamd:
    """A clamd, asked on `sessions`.

    `stream_max` is at most clamd's own StreamMaxLength: of a longer file only the first `stream_max` bytes are
    looked at, and the report says so.
    """

    def __init__(self, sessions: Sessions, stream_max: int = STREAM_MAX) -> None:
        self._sessions = sessions
        self._stream_max = stream_max
        self.waited = 0.0
        """Seconds that scans have waited for clamd, and not for the bytes they send."""

    def scan(self, chunks: Iterable[bytes]) -> ScanReport:
        """Have a stream looked at. Raises `ScannerUnavailable` for any answer that is neither clean nor infected."""
        with _Pieces(chunks, self._stream_max) as pieces:
            answer = self._answer(lambda session: self._stream(session, pieces))
        return ScanReport(_malware(answer, self._sessions.address), pieces.examined)

    def version(self) -> str:
        """Return clamd's version and that of its signatures. Raises `ScannerUnavailable` when it does not answer."""
        return self._answer(lambda session: session.begin(b"zVERSION\0"))

    def _answer(self, say: Callable[[Session], None]) -> str:
        """Return the answer to what is said, which is said again from its beginning if the session was stale."""
        try:
            try:
                return self._asked(say)
            except NoAnswer as none:
                if not none.stale:
                    raise
                return self._asked(say, fresh=True)
        except NoAnswer as none:
            raise ScannerUnavailable(f"clamd at {self._sessions.address}: {none}") from none

    def _asked(self, say: Callable[[Session], None], *, fresh: bool = False) -> str:
        with ExitStack() as lent:
            with self._waiting():
                session = lent.enter_context(self._sessions.lent(fresh=fresh))
            say(session)
            with self._waiting():
                return session.answer()

    def _stream(self, session: Session, pieces: Iterable[bytes]) -> None:
        session.begin(b"zINSTREAM\0")
        for piece in pieces:
            with self._waiting():
                session.send(piece)
        session.end_stream()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.waited += time.monotonic() - began


class _Pieces:
    """What clamd is to see of a stream: up to `most` bytes, from the beginning each time they are asked for.

    What was read is kept in memory up to 1 MiB, then in a deleted file: the stream itself goes forward only.
    """

    def __init__(self, chunks: Iterable[bytes], most: int) -> None:
        self._chunks = iter(chunks)
        self._most = most
        self._kept = SpooledTemporaryFile[bytes](max_size=MIB)
        self.examined = 0

    def __enter__(self) -> "_Pieces":
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def __iter__(self) -> Iterator[bytes]:
        self._kept.seek(0)
        while again := self._kept.read(MIB):
            yield again
        while self.examined < self._most:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            if piece := chunk[: self._most - self.examined]:
                self.examined += len(piece)
                self._kept.write(piece)
                yield piece


def _malware(answer: str, address: str) -> str | None:
    if answer == "stream: OK":
        return None
    if answer.startswith("stream: ") and answer.endswith(" FOUND"):
        return answer.removeprefix("stream: ").removesuffix(" FOUND")
    raise ScannerUnavailable(f"clamd at {address} answered “{answer or 'nothing'}”")
