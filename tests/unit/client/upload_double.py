"""The tus side of an archive, of cardboard: keeps what it is sent, and fails as it is told to."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

from typing_extensions import override

UPLOADS = "/ingest/v1/uploads"


@dataclass
class Kept:
    """One upload: what was announced of it, and what has arrived."""

    number: int
    length: int
    metadata: dict[str, str]
    content: bytearray = field(default_factory=bytearray)
    refused: dict[str, object] | None = None

    @property
    def transfer(self) -> str | None:
        """The transfer it has become, once it is whole."""
        if len(self.content) < self.length:
            return None
        assert hashlib.sha512(self.content).hexdigest() == self.metadata["sha512"]
        return f"/ingest/v1/transfers/tr-{self.number}"


@dataclass(frozen=True)
class Trouble:
    """What befalls a PATCH: a status instead of an answer, or the line cut after so many bytes of it.

    `kept` is how much of the piece is kept before it; status 0 hangs up.
    """

    status: int = 0
    kept: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    meanwhile: Callable[[], None] = lambda: None


class UploadDouble:
    """Speaks tus 1.0 with creation, checksum and expiration; `troubles` befall the next pieces one by one.

    `away` befalls the next requests of a method, or for a TOKEN: a status each, 0 hanging up.
    """

    def __init__(self) -> None:
        self.uploads: dict[str, Kept] = {}
        self.troubles: list[Trouble | None] = []
        self.away: dict[str, list[int]] = {}
        self.token_lasts = 600
        self.heard: list[tuple[str, str]] = []
        self.states: list[dict[str, object]] = []
        self.known_at_once = True
        self.refusal: dict[str, object] | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"archive": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str) -> int:
        return sum(1 for heard, path in self.heard if heard == method and path.startswith(UPLOADS))

    @property
    def only(self) -> Kept:
        (kept,) = self.uploads.values()
        return kept


class Handler(BaseHTTPRequestHandler):
    """One request to an `UploadDouble`."""

    archive: UploadDouble

    def do_POST(self) -> None:
        body = self._heard()
        if self.path == "/admin/v1/token":
            if not self._is_away("TOKEN"):
                token = {"access_token": "t1", "expires_in": self.archive.token_lasts}
                self._say(200, {}, json.dumps(token).encode())
            return
        assert body == b""
        pairs = (pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
        metadata = {name: base64.b64decode(value).decode() for name, value in pairs}
        path = f"{UPLOADS}/{uuid4()}"
        self.archive.uploads[path] = Kept(len(self.archive.uploads) + 1, int(self.headers["Upload-Length"]), metadata)
        self._say(201, {"Location": path})

    def do_HEAD(self) -> None:
        self._heard()
        if self._is_away("HEAD"):
            return
        kept = self.archive.uploads.get(self.path)
        if kept is None or kept.refused:
            self._say(404 if kept is None else 410, {})
            return
        self._say(200, {"Upload-Offset": str(len(kept.content)), "Upload-Length": str(kept.length)})

    def do_GET(self) -> None:
        self._heard()
        if self._is_away("GET"):
            return
        if "/transfers/" in self.path:
            state = {"id": self.path.rpartition("/")[2], "state": "accepted", "findings": []}
            self._say(200, {}, json.dumps(state).encode())
            return
        kept = self.archive.uploads.get(self.path)
        if kept and kept.refused:
            over = {"state": "refused", "transfer": None, "problem": kept.refused}
            self._say(200, {}, json.dumps(over).encode())
            return
        state_of = self.archive.states.pop(0) if self.archive.states else {"state": "completed"}
        told = {
            "transfer": kept.transfer if kept and not self.archive.states else None,
            "problem": None,
        } | state_of
        self._say(200 if kept else 410, {}, json.dumps(told).encode())

    def do_PATCH(self) -> None:
        piece = self._heard()
        kept = self.archive.uploads.get(self.path)
        trouble = self.archive.troubles.pop(0) if self.archive.troubles else None
        if kept is None or kept.refused:
            self._say(410, {})
        elif self.headers["Upload-Offset"] != str(len(kept.content)):
            self._say(409, {})
        elif trouble:
            kept.content += piece[: trouble.kept]
            trouble.meanwhile()
            if trouble.status:
                self._say(trouble.status, trouble.headers)
        elif not self._is_right(piece):
            self._say(460, {})
        else:
            self._take(kept, piece)

    def _take(self, kept: Kept, piece: bytes) -> None:
        kept.content += piece
        if self.archive.refusal and len(kept.content) == kept.length:
            kept.refused = self.archive.refusal
            self._say(int(str(kept.refused["status"])), {}, json.dumps(kept.refused).encode())
            return
        known = {"Chartrier-Transfer": kept.transfer} if kept.transfer and self.archive.known_at_once else {}
        self._say(204, {"Upload-Offset": str(len(kept.content)), **known})

    def _is_right(self, piece: bytes) -> bool:
        kind, digest = self.headers["Upload-Checksum"].split(" ")
        assert kind == "sha256"
        assert self.headers["Content-Type"] == "application/offset+octet-stream"
        return base64.b64decode(digest) == hashlib.sha256(piece).digest()

    def _is_away(self, asked: str) -> bool:
        statuses = self.archive.away.get(asked)
        if not statuses:
            return False
        status = statuses.pop(0)
        if status:
            self._say(status, {})
        return True

    def _heard(self) -> bytes:
        self.archive.heard.append((self.command, self.path))
        assert self.path == "/admin/v1/token" or self.headers["Authorization"] == "Bearer t1"
        assert not self.path.startswith(UPLOADS) or self.headers["Tus-Resumable"] == "1.0.0"
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _say(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """The tests tell what matters."""
