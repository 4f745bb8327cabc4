"""The archive's HTTP interface, one method a question."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from chartrier_client.answers import (
    ArchivedUnit,
    Copy,
    Dip,
    Transfer,
    copy_from,
    dip_from,
    rows,
    text,
    transfer_from,
    unit_from,
)
from chartrier_client.files import content_digest, media_type, save, sha512_of
from chartrier_client.session import Credentials, Session
from chartrier_client.waiting import Patience, wait_for

# The archive has read and hashed the whole body when it answers: give it time for large ones.
DEPOSIT_TIMEOUT = 600.0


class Client:
    """A client of one archive, for one application; use it with `with`, or close it.

    Refusals raise `Problem`, a missing archive `Unreachable`; see `chartrier_client.errors`.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        *,
        language: str = "fr",
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pause = pause
        credentials = Credentials(base_url, client_id, client_secret)
        self._session = Session(credentials, language=language, pause=pause)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON to any route of the archive and return the object answered."""
        return self._session.json("POST", path, lambda: {"json": body})

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Put JSON to any route of the archive and return the object answered."""
        return self._session.json("PUT", path, lambda: {"json": body})

    def deposit(self, path: Path, agreement: str, *, dry_run: bool = False) -> str:
        """Deposit a package under an agreement (id or identifier) and return the transfer's identifier.

        The file is read twice, once for its digest and once to send it, never into memory: the archive
        refuses a body that changed on its way. A `dry_run` is judged, and nothing of it is kept but the verdict.
        """
        headers = {"Content-Type": media_type(path), "Content-Digest": content_digest(sha512_of(path))}
        with ExitStack() as opened:

            def options() -> dict[str, Any]:
                file = opened.enter_context(path.open("rb"))
                return {
                    "params": {"agreement": agreement} | ({"dry_run": "true"} if dry_run else {}),
                    "headers": headers,
                    "content": file,
                    "timeout": DEPOSIT_TIMEOUT,
                }

            return text(self._session.json("POST", "/ingest/v1/transfers", options), "id")

    def transfer(self, transfer_id: str) -> Transfer:
        """Tell where a deposit stands, findings included."""
        return transfer_from(self._session.get(f"/ingest/v1/transfers/{_part(transfer_id)}"))

    def wait(
        self,
        transfer_id: str,
        timeout: float = 300.0,
        on_progress: Callable[[Transfer], None] | None = None,
    ) -> Transfer:
        """Wait until a deposit is accepted or rejected, a dry run judged; `on_progress` hears each new state once."""
        return wait_for(lambda: self.transfer(transfer_id), Patience(timeout, self._pause), on_progress)

    def acknowledgement(self, transfer_id: str) -> bytes:
        """Return the SEDA Acknowledgement, available once the header of the message is read."""
        return self._session.content(f"/ingest/v1/transfers/{_part(transfer_id)}/acknowledgement")

    def reply(self, transfer_id: str) -> bytes:
        """Return the SEDA ArchiveTransferReply of a finished transfer."""
        return self._session.content(f"/ingest/v1/transfers/{_part(transfer_id)}/reply")

    def search(self, q: str | None = None, **filters: str | int) -> Iterator[ArchivedUnit]:
        """Find units by words and filters, page after page, to the end."""
        return self._units("/access/v1/units", {**({"q": q} if q else {}), **filters})

    def unit(self, unit_id: str) -> ArchivedUnit:
        """Return one unit."""
        return unit_from(self._session.get(f"/access/v1/units/{_part(unit_id)}"))

    def children(self, unit_id: str) -> Iterator[ArchivedUnit]:
        """Return the units right below one."""
        return self._units(f"/access/v1/units/{_part(unit_id)}/children", {})

    def download(self, object_id: str, path: Path, expected: str | None = None) -> str:
        """Save a file of the archive and return its SHA-512, verified against what was announced.

        `expected` is a digest known beforehand, in hexadecimal, to be met as well.
        """
        with self._session.stream("GET", f"/access/v1/objects/{_part(object_id)}/content") as response:
            return save(response, path, expected)

    def copies(self, aip_id: str) -> tuple[Copy, ...]:
        """Tell where the copies of an AIP are."""
        body = self._session.get(f"/storage/v1/aips/{_part(aip_id)}/copies")
        return tuple(copy_from(row) for row in rows(body, "copies"))

    def order_dip(self, unit_ids: Iterable[str]) -> str:
        """Order units with everything below them; returns the order's identifier."""
        return text(self.post("/access/v1/dips", {"units": list(unit_ids)}), "id")

    def dip(self, dip_id: str) -> Dip:
        """Tell where an order stands."""
        return dip_from(self._session.get(f"/access/v1/dips/{_part(dip_id)}"))

    def wait_dip(self, dip_id: str, timeout: float = 300.0) -> Dip:
        """Wait until an order is ready or has failed."""
        return wait_for(lambda: self.dip(dip_id), Patience(timeout, self._pause))

    def download_dip(self, dip_id: str, path: Path) -> str:
        """Save a ready order as a ZIP and return its SHA-512, verified against the order's own."""
        expected = self.dip(dip_id).digest
        with self._session.stream("GET", f"/access/v1/dips/{_part(dip_id)}/content") as response:
            return save(response, path, expected)

    def _units(self, path: str, query: dict[str, str | int]) -> Iterator[ArchivedUnit]:
        params: dict[str, str | int] | None = query
        while params is not None:
            page = self._session.get(path, params)
            yield from (unit_from(row) for row in rows(page, "items"))
            cursor = page.get("next")
            params = None if cursor is None else {**query, "cursor": str(cursor)}


def _part(identifier: str) -> str:
    """Quote an identifier so that it stays one segment of the path."""
    return quote(identifier, safe="")
