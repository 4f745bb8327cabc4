"""What can be asked of an archive, as flows: `http.py` and `async_http.py` run them, and add nothing."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx

from chartrier_client.answers import (
    ArchivedUnit,
    Copy,
    Dip,
    Page,
    Transfer,
    copy_from,
    dip_from,
    rows,
    text,
    transfer_from,
    unit_from,
)
from chartrier_client.conversation import (
    DEPOSIT_TIMEOUT,
    Close,
    Conversation,
    Flow,
    Pause,
    Question,
    Save,
    Work,
    broken_off,
)
from chartrier_client.errors import DigestMismatch, StillRunning
from chartrier_client.files import Download, content_digest, media_type, sha512_of
from chartrier_client.language import Text

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
GROWTH: Final = 1.3
TRANSFERS: Final = "/ingest/v1/transfers"

Progress = Callable[[int, int], None]
Awaited = TypeVar("Awaited", Transfer, Dip)


def part(identifier: str) -> str:
    """Quote an identifier so that it stays one segment of the path."""
    return quote(identifier, safe="")


def sent(talk: Conversation, method: str, path: str, body: Mapping[str, Any]) -> Flow[dict[str, Any]]:
    """Send JSON to any route, and return the object answered."""
    return (yield from talk.json(Question(method, path, json=body)))


def deposit(talk: Conversation, path: Path, agreement: str, on_sent: Progress | None, *, dry_run: bool) -> Flow[str]:
    """Deposit a package in one request; returns the transfer's identifier."""
    digest: str = yield Work(lambda: sha512_of(path))
    question = Question(
        "POST",
        TRANSFERS,
        {"agreement": agreement} | ({"dry_run": "true"} if dry_run else {}),
        {"Content-Type": media_type(path), "Content-Digest": content_digest(digest)},
        file=path,
        on_sent=on_sent,
        timeout=DEPOSIT_TIMEOUT,
    )
    return text((yield from talk.json(question)), "id")


def transfer(talk: Conversation, transfer_id: str) -> Flow[Transfer]:
    """Tell where a deposit stands."""
    return transfer_from((yield from talk.json(Question("GET", f"{TRANSFERS}/{part(transfer_id)}"))))


def dip(talk: Conversation, dip_id: str) -> Flow[Dip]:
    """Tell where an order stands."""
    return dip_from((yield from talk.json(Question("GET", f"/access/v1/dips/{part(dip_id)}"))))


def order_dip(talk: Conversation, unit_ids: Iterable[str]) -> Flow[str]:
    """Order units; returns the order's identifier."""
    return text((yield from sent(talk, "POST", "/access/v1/dips", {"units": list(unit_ids)})), "id")


def unit(talk: Conversation, unit_id: str) -> Flow[ArchivedUnit]:
    """Return one unit."""
    return unit_from((yield from talk.json(Question("GET", f"/access/v1/units/{part(unit_id)}"))))


def copies(talk: Conversation, aip_id: str) -> Flow[tuple[Copy, ...]]:
    """Tell where the copies of an AIP are."""
    body = yield from talk.json(Question("GET", f"/storage/v1/aips/{part(aip_id)}/copies"))
    return tuple(copy_from(row) for row in rows(body, "copies"))


def agreement(talk: Conversation, reference: str) -> Flow[dict[str, Any]]:
    """Return an agreement, by its id or its identifier, as the archive tells it."""
    return (yield from talk.json(Question("GET", f"/admin/v1/agreements/{part(reference)}")))


def page(talk: Conversation, path: str, params: Mapping[str, str | int]) -> Flow[Page]:
    """Return one page of a list, and how to ask for the next."""
    body = yield from talk.json(Question("GET", path, params))
    cursor = body.get("next")
    return Page(tuple(rows(body, "items")), None if cursor is None else {**params, "cursor": str(cursor)})


def document(talk: Conversation, transfer_id: str, name: str) -> Flow[bytes]:
    """Return a SEDA message about a transfer."""
    return (yield from talk.content(f"{TRANSFERS}/{part(transfer_id)}/{name}"))


def download(talk: Conversation, source: str, path: Path, expected: str | None) -> Flow[str]:
    """Save content at `path` and return its SHA-512, once it is what was announced."""
    question = Question("GET", source)
    response = yield from talk.ask(question)
    try:
        saving = Download(response, path, expected)
    except DigestMismatch:
        yield Close(response)
        raise
    with saving as file:
        try:
            yield Save(response, file.write)
        except httpx.TransportError as error:
            raise broken_off(question, error) from error
        return file.keep()


def download_dip(talk: Conversation, dip_id: str, path: Path) -> Flow[str]:
    """Save a ready order, verified against the order's own digest."""
    order = yield from dip(talk, dip_id)
    return (yield from download(talk, f"/access/v1/dips/{part(dip_id)}/content", path, order.digest))


def wait(
    ask: Callable[[], Flow[Awaited]],
    timeout: float,
    on_progress: Callable[[Awaited], None] | None = None,
) -> Flow[Awaited]:
    """Ask again, less and less often; `on_progress` hears each new state once, the final one included.

    Raises `StillRunning` when the time allowed is over, after at least one question.
    """
    ends = time.monotonic() + timeout
    pause, state = FIRST_PAUSE, None
    while True:
        answer = yield from ask()
        if on_progress and answer.state != state:
            on_progress(answer)
        state = answer.state
        if answer.is_final:
            return answer
        remaining = ends - time.monotonic()
        if remaining <= 0:
            raise StillRunning(
                Text(
                    f"{answer.id} en est encore à «{state}» après {timeout:g} s",
                    f"{answer.id} is still «{state}» after {timeout:g} s",
                )
            )
        yield Pause(min(pause, remaining))
        pause = min(pause * GROWTH, LONGEST_PAUSE)
