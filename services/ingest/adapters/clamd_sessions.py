r"""Sessions with clamd: connections on which one command follows another, kept from one file to the next.

Protocol: clamd(8), "COMMANDS". After `zIDSESSION\0` clamd takes commands until `zEND\0`, and numbers its answers
from 1: ``<number>: <answer>\0``. `zINSTREAM\0` is followed by chunks, a 4-byte big-endian length and the bytes, a
length of zero to end. What clamd says without a number (``COMMAND READ TIMED OUT``) answers no command. Here each
command has its answer before the next is sent.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_SESSIONS: Final = 4
"""Sessions of one process with one clamd; a child process that checks has one stream in hand, and so one session."""

IDLE_SECONDS: Final = 20.0
"""One that rested longer is not used again: firewalls forget connections, and clamd ends them (ReadTimeout)."""

_LENGTH = struct.Struct("!L")
_LONGEST_ANSWER = 4096


class NoAnswer(Exception):
    """clamd did not answer a command: nothing is known of what it was sent.

    `stale`: the session had served before and clamd ended it; another may be answered where this one was not.
    """

    def __init__(self, reason: str, *, stale: bool = False) -> None:
        super().__init__(reason)
        self.stale = stale


class Session:
    """One connection to clamd. One command at a time: `begin`, pieces of a stream if it takes one, `answer`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._number = 0
        self._free = True
        self._unsent = b"zIDSESSION\0"
        self.rests_since = time.monotonic()

    @property
    def is_free(self) -> bool:
        """Whether another command may follow: not while one is in hand, nor after an error: clamd may hang up."""
        return self._free

    def is_fit(self, idle_seconds: float) -> bool:
        """Whether a session that rests can serve: not for too long, and clamd said nothing, not even its end."""
        readable = select.poll()
        readable.register(self._connection, select.POLLIN)
        return time.monotonic() - self.rests_since <= idle_seconds and not readable.poll(0)

    def begin(self, command: bytes) -> None:
        r"""Begin a command (``zVERSION\0``); it goes out with what follows it."""
        self._number += 1
        self._free = False
        self._unsent += command

    def send(self, piece: bytes) -> None:
        """Send a piece of a stream. Raises `NoAnswer` when clamd takes no more: what it says then is no verdict."""
        try:
            self._send(_LENGTH.pack(len(piece)) + piece)
        except ConnectionError as error:
            words = self._last_words()
            told = words.startswith(self._mark)
            raise self._none(words.removeprefix(self._mark) or str(error), stale=not told) from error
        except OSError as error:
            raise self._none(str(error)) from error

    def end_stream(self) -> None:
        """Say that the stream ends; it goes out when the answer is asked for."""
        self._unsent += _LENGTH.pack(0)

    def answer(self) -> str:
        """Return the answer to the command. Raises `NoAnswer` when there is none."""
        try:
            self._send(b"")
            words = self._received()
        except ConnectionError as error:
            raise self._none(str(error), stale=True) from error
        except OSError as error:
            raise self._none(str(error)) from error
        if not words.startswith(self._mark) or words.find("\0") != len(words) - 1:
            raise self._none(words.rstrip("\0\n") or "nothing", stale=True)
        self._free = not words.endswith("ERROR\0")
        return words.removeprefix(self._mark).rstrip("\0")

    def close(self) -> None:
        """End the session, in clamd's words where it listens."""
        if self._free:
            with contextlib.suppress(OSError):
                self._connection.sendall(b"zEND\0")
        self._connection.close()

    @property
    def _mark(self) -> str:
        return f"{self._number}: "

    def _none(self, reason: str, *, stale: bool = False) -> NoAnswer:
        # On a new session nothing is stale: what ended it will most often end the next.
        return NoAnswer(reason, stale=stale and self._number > 1)

    def _send(self, data: bytes) -> None:
        # Small streams go out as two writes and not as five; Nagle's algorithm is off, and would not join them.
        data, self._unsent = self._unsent + data, b""
        self._connection.sendall(data)

    def _received(self) -> str:
        received = bytearray()
        while b"\0" not in received and len(received) < _LONGEST_ANSWER:
            data = self._connection.recv(_LONGEST_ANSWER)
            if not data:
                break
            received += data
        return received.decode(errors="replace")

    def _last_words(self) -> str:
        try:
            return self._received().rstrip("\0\n")
        except OSError:
            return ""


class Sessions:
    """At most `most` sessions with the clamd at ``host:port`` or at the path of a Unix socket, for any thread.

    `timeout` is how long, in seconds, it may take to answer, to take a piece, or a session to become free.
    """

    def __init__(
        self,
        address: str,
        most: int = MOST_SESSIONS,
        timeout: float = 120.0,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.address = address
        self._timeout = timeout
        self._idle_seconds = idle_seconds
        self._places = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._resting: list[Session] = []

    @contextmanager
    def lent(self, *, fresh: bool = False) -> Iterator[Session]:
        """Lend a session: one that rests, the last used first, or a new one; a `fresh` one is always new.

        It rests again if it is free when it comes back, and is closed otherwise. Raises `NoAnswer`.
        """
        if not self._places.acquire(timeout=self._timeout):
            raise NoAnswer("every session is busy")
        try:
            if fresh:
                self.close()
            session = self._rested() or self._open()
            try:
                yield session
            finally:
                self._put_back(session)
        finally:
            self._places.release()

    def close(self) -> None:
        """Close the sessions that rest; those that are lent rest again when they come back."""
        with self._lock:
            closing, self._resting = self._resting, []
        for session in closing:
            session.close()

    def _rested(self) -> Session | None:
        """Take the session that was used last, and close those that can serve no more."""
        with self._lock:
            fit = [session for session in self._resting if session.is_fit(self._idle_seconds)]
            unfit = [session for session in self._resting if session not in fit]
            taken = fit.pop() if fit else None
            self._resting = fit
        for session in unfit:
            session.close()
        return taken

    def _put_back(self, session: Session) -> None:
        if not session.is_free:
            session.close()
            return
        session.rests_since = time.monotonic()
        with self._lock:
            self._resting.append(session)

    def _open(self) -> Session:
        try:
            return Session(self._connect())
        except OSError as error:
            raise NoAnswer(str(error)) from error

    def _connect(self) -> socket.socket:
        host, _, port = self.address.rpartition(":")
        if not self.address.startswith("/") and port.isdigit():
            connection = socket.create_connection((host.strip("[]"), int(port)), self._timeout)
            # Else the end of a stream would wait for clamd's delayed acknowledgement of its beginning.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self._timeout)
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection
