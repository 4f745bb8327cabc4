"""A process that answers for every room on CHARTRIER_PORT and writes credentials, as the all-in-one does."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from services.local.files import write_private
from services.local.settings import LocalSettings


class StandIn(BaseHTTPRequestHandler):
    """Ready from the start, for any room."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    told = LocalSettings()
    server = ThreadingHTTPServer(("127.0.0.1", told.port), StandIn)
    credentials = {"base_url": f"http://127.0.0.1:{told.port}"}
    write_private(told.home / "admin-client.json", json.dumps(credentials))
    server.serve_forever()
