"""An archive of cardboard: a real HTTP server that gives the answers it was told to give."""

import base64
import json
from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha512
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override


@dataclass(frozen=True)
class Heard:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body)
        return body


@dataclass(frozen=True)
class Said:
    """One answer; `status` 0 hangs up without a word."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


HANG_UP = Said(0)


def said(body: object, status: int = 200, **headers: str) -> Said:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(status, json.dumps(body).encode(), {"Content-Type": "application/json", **named})


def said_bytes(body: bytes, digest: bytes | None = None) -> Said:
    """Content with its Content-Digest (of `digest` when the archive is to lie)."""
    value = base64.b64encode(digest if digest is not None else sha512(body).digest()).decode()
    return Said(200, body, {"Content-Digest": f"sha-512=:{value}:"})


class ArchiveDouble:
    """Answers each route with its next scripted answer; the last one is repeated for ever."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self._script: dict[tuple[str, str], list[Said]] = defaultdict(list)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.says("POST", "/admin/v1/token", said({"access_token": "t1", "expires_in": 600}))

    def says(self, method: str, path: str, *answers: Said) -> None:
        self._script[method, path] = list(answers)

    def requests(self, method: str, path: str) -> list[Heard]:
        return [heard for heard in self.heard if (heard.method, heard.path) == (method, path)]

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.01)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, heard: Heard) -> Said:
        self.heard.append(heard)
        script = self._script[heard.method, heard.path]
        if not script:
            return said({"code": "not_found", "detail": "Introuvable."}, 404)
        return script.pop(0) if len(script) > 1 else script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        archive = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def do_PUT(self) -> None:
                self._answer()

            def _answer(self) -> None:
                where = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = archive.answer(Heard(self.command, where.path, parse_qs(where.query), headers, body))
                if answer.status:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)

            @override
            def log_message(self, format: str, *args: object) -> None:
                """The tests tell what matters."""

        return Handler
