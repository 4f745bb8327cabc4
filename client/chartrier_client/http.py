"""The archive's HTTP interface, one method a question."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chartrier_client import flows
from chartrier_client.answers import ArchivedUnit, Copy, Dip, Page, Transfer, transfer_from, unit_from
from chartrier_client.conversation import Credentials
from chartrier_client.session import Session
from chartrier_client.uploads import Upload, forgotten, uploaded


class Client:
    """A client of one archive, for one application; use it with `with`, or close it. Threads may share it.

    Refusals raise `Problem`, a missing archive `Unreachable`; see `chartrier_client.errors`.
    `AsyncClient` has the same methods.
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
        self._session = Session(Credentials(base_url, client_id, client_secret), language=language, pause=pause)
        self._run = self._session.run
        self._talk = self._session.conversation

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send JSON to any route of the archive and return the object answered."""
        return self._run(flows.sent(self._talk, "POST", path, body))

    def put(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Put JSON to any route of the archive and return the object answered."""
        return self._run(flows.sent(self._talk, "PUT", path, body))

    def deposit(
        self, path: Path, agreement: str, *, dry_run: bool = False, on_sent: flows.Progress | None = None
    ) -> str:
        """Deposit a package under an agreement (id or identifier) and return the transfer's identifier.

        The file is read twice, once for its digest and once to send it, never into memory: the archive
        refuses a body that changed on its way. A `dry_run` is judged, and nothing of it is kept but the verdict.
        `on_sent` hears how many bytes are sent, out of how many.
        """
        return self._run(flows.deposit(self._talk, path, agreement, on_sent, dry_run=dry_run))

    def upload(self, upload: Upload, on_sent: flows.Progress | None = None) -> str:
        """Deposit a package piece by piece (tus 1.0) and return the transfer's identifier.

        What breaks off goes on from where it was: at once where the network fails, later by the same call where
        `upload` has a memory.
        """
        return self._run(uploaded(self._talk, upload, on_sent))

    def forget(self, upload: Upload) -> None:
        """Forget an upload that is over: the same call then deposits anew."""
        forgotten(self._talk, upload)

    def transfer(self, transfer_id: str) -> Transfer:
        """Tell where a deposit stands, findings included."""
        return self._run(flows.transfer(self._talk, transfer_id))

    def transfers(self, **filters: str | int) -> Iterator[Transfer]:
        """List deposits, newest first, page after page, to the end; `state` is a filter."""
        return map(transfer_from, self._items(flows.TRANSFERS, filters))

    def wait(
        self,
        transfer_id: str,
        timeout: float = 300.0,
        on_progress: Callable[[Transfer], None] | None = None,
    ) -> Transfer:
        """Wait until a deposit is accepted or rejected, a dry run judged; `on_progress` hears each new state once."""
        return self._run(flows.wait(lambda: flows.transfer(self._talk, transfer_id), timeout, on_progress))

    def acknowledgement(self, transfer_id: str) -> bytes:
        """Return the SEDA Acknowledgement, available once the header of the message is read."""
        return self._run(flows.document(self._talk, transfer_id, "acknowledgement"))

    def reply(self, transfer_id: str) -> bytes:
        """Return the SEDA ArchiveTransferReply of a finished transfer."""
        return self._run(flows.document(self._talk, transfer_id, "reply"))

    def agreement(self, reference: str) -> dict[str, Any]:
        """Return an agreement, by its id or its identifier, as the archive tells it."""
        return self._run(flows.agreement(self._talk, reference))

    def search(self, q: str | None = None, **filters: str | int) -> Iterator[ArchivedUnit]:
        """Find units by words and filters, page after page, to the end."""
        return map(unit_from, self._items("/access/v1/units", {**({"q": q} if q else {}), **filters}))

    def unit(self, unit_id: str) -> ArchivedUnit:
        """Return one unit."""
        return self._run(flows.unit(self._talk, unit_id))

    def children(self, unit_id: str) -> Iterator[ArchivedUnit]:
        """Return the units right below one."""
        return map(unit_from, self._items(f"/access/v1/units/{flows.part(unit_id)}/children", {}))

    def download(self, object_id: str, path: Path, expected: str | None = None) -> str:
        """Save a file of the archive and return its SHA-512, verified against what was announced.

        `expected` is a digest known beforehand, in hexadecimal, to be met as well.
        """
        source = f"/access/v1/objects/{flows.part(object_id)}/content"
        return self._run(flows.download(self._talk, source, path, expected))

    def copies(self, aip_id: str) -> tuple[Copy, ...]:
        """Tell where the copies of an AIP are."""
        return self._run(flows.copies(self._talk, aip_id))

    def order_dip(self, unit_ids: Iterable[str]) -> str:
        """Order units with everything below them; returns the order's identifier."""
        return self._run(flows.order_dip(self._talk, unit_ids))

    def dip(self, dip_id: str) -> Dip:
        """Tell where an order stands."""
        return self._run(flows.dip(self._talk, dip_id))

    def wait_dip(self, dip_id: str, timeout: float = 300.0) -> Dip:
        """Wait until an order is ready or has failed."""
        return self._run(flows.wait(lambda: flows.dip(self._talk, dip_id), timeout))

    def download_dip(self, dip_id: str, path: Path) -> str:
        """Save a ready order as a ZIP and return its SHA-512, verified against the order's own."""
        return self._run(flows.download_dip(self._talk, dip_id, path))

    def _items(self, path: str, query: Mapping[str, str | int]) -> Iterator[Mapping[str, Any]]:
        params: Mapping[str, str | int] | None = query
        while params is not None:
            page: Page = self._run(flows.page(self._talk, path, params))
            yield from page.items
            params = page.next
