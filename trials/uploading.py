"""A depositor that uploads by tus, and whose connection breaks: plain sockets for what no library would do."""

import base64
import hashlib
import math
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from trials.levers import PATIENCE, Amiss, until
from trials.towns import Town

PLACE: Final = "/ingest/v1/uploads"
_TUS: Final = {"Tus-Resumable": "1.0.0"}
_BYTES: Final = {**_TUS, "Content-Type": "application/offset+octet-stream"}
_TOKEN_SECONDS: Final = 60.0
_AT_ONCE: Final = 1 << 20
_MAY_PASS: Final = frozenset({409, 423, 429, 502, 503, 504, 507})
"""Answers after which a depositor asks for the offset, and goes on from there."""


def metadata(town: Town, **described: str) -> str:
    """Write an `Upload-Metadata`."""
    values = {"agreement": town.agreement, **described}
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items())


class Door:
    """The town's way in; its token is asked for again before it is too old, and not for every question."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._token = ""
        self._asked_at = -math.inf

    def http(self) -> httpx.Client:
        """Return a client with a token that is good for minutes."""
        if time.monotonic() - self._asked_at > _TOKEN_SECONDS:
            self._token = self._town.archive.token(self._town.client_id, self._town.client_secret)
            self._asked_at = time.monotonic()
        return self._town.archive.http(self._token)


@dataclass(frozen=True)
class Upload:
    """A SIP that is being uploaded, and where."""

    door: Door
    base_url: str
    sip: Path
    place: str

    @classmethod
    def begin(cls, town: Town, sip: Path) -> "Upload":
        """Announce a SIP with its digest."""
        with sip.open("rb") as file:
            digest = hashlib.file_digest(file, "sha512").hexdigest()
        told = metadata(town, filename=sip.name, sha512=digest)
        with town.http() as http:
            headers = {**_TUS, "Upload-Length": str(sip.stat().st_size), "Upload-Metadata": told}
            answer = http.post(PLACE, headers=headers).raise_for_status()
        return cls.of(town, sip, answer.headers["location"])

    @classmethod
    def of(cls, town: Town, sip: Path, place: str) -> "Upload":
        """Go on with an upload that was begun before."""
        return cls(Door(town), town.archive.base_url, sip, place)

    @property
    def size(self) -> int:
        """Return how many bytes there are in all."""
        return self.sip.stat().st_size

    def shown(self) -> dict[str, Any]:
        """Return the upload as the archive shows it, once it answers."""

        def asked() -> dict[str, Any]:
            with suppress(httpx.TransportError), self.door.http() as http:
                answer = http.get(self.place)
                if answer.status_code == 200:
                    found: dict[str, Any] = answer.json()
                    return found
                _may_pass(answer)
            return {}

        return until(asked)

    def until_free(self) -> int:
        """Wait until no request that broke off holds the upload, and return the offset that it goes on from."""

        def free() -> int:
            offset = int(self.shown()["offset"])
            with suppress(httpx.TransportError), self.door.http() as http:
                headers = {**_BYTES, "Upload-Offset": str(offset)}
                answer = http.patch(self.place, headers=headers)
                if answer.status_code == 204:
                    return offset + 1
                _may_pass(answer)
            return 0

        return until(free) - 1

    def break_off(self, begins: int, sent: int, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Announce all that is left, send some of it, and hang up; `meanwhile`, in the middle, something happens."""
        address = urlsplit(self.base_url)
        with self.door.http() as http:
            told = {
                "Host": address.netloc,
                "Authorization": http.headers["authorization"],
                **_BYTES,
                "Content-Length": str(self.size - begins),
                "Upload-Offset": str(begins),
            }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        with suppress(OSError), socket.create_connection((str(address.hostname), int(address.port or 80))) as line:
            line.sendall(f"PATCH {self.place} HTTP/1.1\r\n{head}\r\n".encode())
            self._send(line, begins, sent // 2)
            meanwhile()
            self._send(line, begins + sent // 2, sent - sent // 2)

    def _send(self, line: socket.socket, begins: int, count: int) -> None:
        with self.sip.open("rb") as file:
            file.seek(begins)
            while count and (chunk := file.read(min(_AT_ONCE, count))):
                line.sendall(chunk)
                count -= len(chunk)

    def finish(self, patience: float = PATIENCE) -> str:
        """Send all that is left in one request, and return the transfer that comes of the whole."""
        begins = self.until_free()
        with self.door.http() as http, self.sip.open("rb") as file:
            file.seek(begins)
            headers = {**_BYTES, "Upload-Offset": str(begins), "Content-Length": str(self.size - begins)}
            http.patch(self.place, content=file, headers=headers, timeout=600).raise_for_status()

        def entered() -> str:
            shown = self.shown()
            if shown["state"] not in {"assembling", "completed"}:
                raise Amiss(f"an upload whose bytes all came is {shown}")
            return str(shown["transfer"] or "")

        return until(entered, patience=patience).rpartition("/")[2]


def _may_pass(answer: httpx.Response) -> None:
    if answer.status_code not in _MAY_PASS:
        raise Amiss(f"a sound upload was refused: {answer.status_code} {answer.text}")
