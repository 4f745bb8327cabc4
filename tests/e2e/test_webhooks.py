"""A town's software is told what becomes of its deposits, and believes what it can verify."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook
from typing_extensions import override

from services.local import stack
from tests.builders.sips import AFile, ASip, a_sip
from trials.towns import Archive, Town, a_package, a_town

pytestmark = pytest.mark.e2e

EVENTS = ["transfer.acknowledged", "transfer.accepted", "transfer.rejected"]
Sent = tuple[dict[str, str], bytes]


@contextmanager
def receiving() -> Iterator[tuple[str, "Queue[Sent]"]]:
    """Listen on a free port of this machine while the block lasts."""
    came: Queue[Sent] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.put((dict(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        @override
        def log_message(self, *_: object) -> None:
            """Say nothing: the test does."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def town(full_stack: stack.Stack) -> Town:
    return a_town(Archive("full-stack", full_stack.base_url, full_stack.home / "admin-client.json"))


def told(came: "Queue[Sent]", secret: str, transfer: str) -> dict[str, Any]:
    """Return by type the two messages about a transfer, each verified by the library of others."""
    events = [Webhook(secret).verify(body, headers) for headers, body in (came.get(timeout=60) for _ in range(2))]
    assert {event["data"]["transfer"] for event in events} == {transfer}
    return {event["type"]: event["data"] for event in events}


def test_what_becomes_of_a_deposit_is_told_and_every_link_leads_there(town: Town, tmp_path: Path) -> None:
    good = a_package(tmp_path / "good.zip")
    bad = a_sip(tmp_path / "bad.zip", ASip((AFile("Content/a.txt", b"a\n", digest="0" * 128),)))
    with receiving() as (url, came), town.http() as http, town.client() as client:
        made = http.post("/admin/v1/webhooks", json={"url": url, "events": EVENTS}).raise_for_status().json()

        accepted = client.deposit(good, town.agreement)
        of_accepted = told(came, made["secret"], accepted)
        rejected = client.deposit(bad, town.agreement)
        of_rejected = told(came, made["secret"], rejected)

        assert of_accepted.keys() == {"transfer.acknowledged", "transfer.accepted"}
        assert of_rejected.keys() == {"transfer.acknowledged", "transfer.rejected"}
        links = [link for of in (of_accepted, of_rejected) for data in of.values() for link in data["links"].values()]
        assert len(links) == 11
        assert {http.get(link).status_code for link in links} == {200}
        assert client.transfer(accepted).state == "accepted"
        assert client.transfer(rejected).state == "rejected"
        assert came.empty()
