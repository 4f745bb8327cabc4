"""Depositing as integrators' software does: over HTTP, several at once, each followed until it is accepted."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench.archives import Archive
from bench.workloads import MakeSip

TRANSFERS = "/ingest/v1/transfers"
CHUNK = 1 << 20
POLL = 0.25
# One page tells of every deposit in hand at once, rather than one question for each: the newest accepted, twice
# as many as are in hand. Now and then those that wait for long are asked for one by one: refused, or overtaken.
PAGE_AT_LEAST = 20
ONE_BY_ONE_EVERY = 8
LONG = 5.0
# Tokens live ten minutes (design: short-lived); renewed well before.
TOKEN_LIFE = 300.0


class DepositFailed(Exception):
    """A deposit was refused, or not accepted in time: then no figure would mean anything."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One accepted deposit: times of our clock in seconds, and the two moments the archive itself tells."""

    transfer_id: str
    began: float
    answered: float
    seen: float
    received_at: datetime
    accepted_at: datetime

    @property
    def delay(self) -> float:
        """From received to accepted, by the archive's own clock."""
        return (self.accepted_at - self.received_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Load:
    """How much, how long and how fast: whichever of `count` and `seconds` ends first."""

    count: int
    seconds: float
    window: int
    patience: float
    pace: float = 0.0


class _Waiting:
    """A deposit that is not final yet."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.over: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

    def end(self, shown: Mapping[str, Any]) -> None:
        if not self.over.done():
            self.over.set_result(shown)

    def fail(self, reason: str) -> None:
        if not self.over.done():
            self.over.set_exception(DepositFailed(reason))


class Depositor:
    """One client application of the archive."""

    def __init__(self, archive: Archive, http: httpx.AsyncClient) -> None:
        self._archive = archive
        self._http = http
        self._token = ""
        self._token_until = 0.0
        self._waiting: dict[str, _Waiting] = {}

    async def deposit(self, sip: Path, patience: float) -> Deposit:
        """Deposit one SIP and return once it is accepted; `DepositFailed` otherwise."""
        began = time.perf_counter()
        size = await asyncio.to_thread(_size, sip)
        headers = {**await self.authorization(), "Content-Length": str(size)}
        answer = await self._http.post(
            TRANSFERS, params={"agreement": self._archive.agreement}, content=_body(sip), headers=headers
        )
        if answer.status_code != httpx.codes.ACCEPTED:
            raise DepositFailed(f"{answer.status_code} instead of 202: {answer.text[:500]}")
        answered = time.perf_counter()
        transfer_id: str = answer.json()["id"]
        waiting = self._waiting[transfer_id] = _Waiting(answered)
        try:
            shown = await asyncio.wait_for(waiting.over, patience)
        except TimeoutError:
            raise DepositFailed(await self._told(transfer_id, patience)) from None
        finally:
            del self._waiting[transfer_id]
        return Deposit(
            transfer_id,
            began,
            answered,
            time.perf_counter(),
            _moment(shown, "received_at"),
            _moment(shown, "changed_at"),
        )

    async def steps(self, transfer_id: str) -> list[Mapping[str, str]]:
        """Return the states a transfer went through, each with its moment."""
        shown = await self._get(f"{TRANSFERS}/{transfer_id}")
        steps: list[Mapping[str, str]] = shown["steps"]
        return steps

    async def watch(self) -> None:
        """Tell every waiting deposit when it is final, until cancelled; they hear of it when we cannot."""
        for turn in itertools.count(1):
            await asyncio.sleep(POLL)
            try:
                await self._look()
                if turn % ONE_BY_ONE_EVERY == 0:
                    await self._look_one_by_one()
            except httpx.HTTPError as error:
                for waiting in self._waiting.values():
                    waiting.fail(f"the archive no longer says where deposits are: {error!r}")

    async def _look(self) -> None:
        if not self._waiting:
            return
        limit = min(max(2 * len(self._waiting), PAGE_AT_LEAST), 200)
        page = await self._get(TRANSFERS, state="accepted", limit=limit)
        for shown in page["items"]:
            if waiting := self._waiting.get(shown["id"]):
                waiting.end(shown)

    async def _look_one_by_one(self) -> None:
        late = time.perf_counter() - LONG
        for transfer_id, waiting in list(self._waiting.items()):
            if waiting.since < late:
                shown = await self._get(f"{TRANSFERS}/{transfer_id}")
                if shown["state"] == "rejected":
                    codes = " ".join(finding["code"] for finding in shown["findings"])
                    waiting.fail(f"transfer {transfer_id} was rejected: {codes}")
                elif shown["state"] == "accepted":
                    waiting.end(shown)

    async def _told(self, transfer_id: str, patience: float) -> str:
        shown = await self._get(f"{TRANSFERS}/{transfer_id}")
        return f"transfer {transfer_id} is still {shown['state']} after {patience:.0f} s"

    async def _get(self, path: str, **params: str | int) -> dict[str, Any]:
        answer = await self._http.get(path, params=params, headers=await self.authorization())
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    async def authorization(self) -> dict[str, str]:
        """Return the header that a token gives, asking for a new one well before the last ends."""
        if time.monotonic() >= self._token_until:
            self._token_until = time.monotonic() + TOKEN_LIFE
            answer = await self._http.post(
                "/admin/v1/token",
                data={"grant_type": "client_credentials"},
                auth=(self._archive.client_id, self._archive.client_secret),
            )
            self._token = answer.raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"}


@asynccontextmanager
async def depositing(archive: Archive, transport: httpx.AsyncBaseTransport | None = None) -> AsyncIterator[Depositor]:
    """Lend a depositor that already has its token and follows its deposits, over the network by default."""
    timeout = httpx.Timeout(600.0, connect=10.0)
    async with httpx.AsyncClient(
        base_url=archive.base_url, timeout=timeout, trust_env=False, transport=transport
    ) as http:
        depositor = Depositor(archive, http)
        await depositor.authorization()
        watching = asyncio.create_task(depositor.watch())
        try:
            yield depositor
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def sustain(depositor: Depositor, make: MakeSip, load: Load, folder: Path) -> list[Deposit]:
    """Keep `load.window` deposits in hand until enough are done; return them in the order they began."""
    turns = Turns(load, time.perf_counter())
    done: list[Deposit] = []

    async def lane(number: int) -> None:
        place = folder / f"lane-{number}"
        await asyncio.to_thread(place.mkdir)
        while (turn := await turns.take()) is not None:
            sip = await asyncio.to_thread(make, turn, place)
            done.append(await depositor.deposit(sip, load.patience))

    async with asyncio.TaskGroup() as lanes:
        for number in range(load.window):
            lanes.create_task(lane(number))
    return sorted(done, key=lambda deposit: deposit.began)


class Turns:
    """Gives out the numbers of deposits, at the pace asked for, until the count or the time is over."""

    def __init__(self, load: Load, start: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._load = load
        self._start = start
        self._clock = clock
        self._given = 0

    async def take(self) -> int | None:
        """Return the next number when its time has come; None when there are no more."""
        if self._given >= self._load.count:
            return None
        number, self._given = self._given, self._given + 1
        due = self._start + number * self._load.pace
        if (wait := due - self._clock()) > 0:
            await asyncio.sleep(min(wait, self._load.seconds))
        return None if self._clock() - self._start >= self._load.seconds else number


async def _body(path: Path) -> AsyncIterator[bytes]:
    for chunk in _chunks(path):
        yield chunk


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while chunk := content.read(CHUNK):
            yield chunk


def _size(path: Path) -> int:
    return path.stat().st_size


def _moment(shown: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromisoformat(shown[name])
