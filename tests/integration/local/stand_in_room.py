"""A process that answers as a room does, for tests of what starts rooms: `stand_in_room.py NAME PORT [opening]`."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GO = threading.Event()


class StandIn(BaseHTTPRequestHandler):
    """Ready from the start, or opening for ever; /slow sends its second line only once somebody has asked for /go."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.endswith("/slow"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"6\r\nfirst\n\r\n")
            self.wfile.flush()
            GO.wait(30)
            self.wfile.write(b"7\r\nsecond\n\r\n0\r\n\r\n")
            return
        if self.path.endswith("/go"):
            GO.set()
        opening = sys.argv[3:] == ["opening"] and self.path.endswith("/health/ready")
        self._say(f"{sys.argv[1]} {self.path}", 503 if opening else 200)

    def do_POST(self) -> None:
        left = size = int(self.headers["Content-Length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self._say(f"{size} bytes")

    def _say(self, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), StandIn).serve_forever()
