"""Whether a room may open, and whether requests may be sent to it: told from all it depends on.

    opening ──(all that it requires is open, and the rest was asked once)──▶ open, for good

What is away later makes an open room unready, or degraded where it can do without.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.dependencies import API, OK, ROLES, UNKNOWN, WORKER, Dependency, Watched

ANSWER_SECONDS = 2.0
"""How long whoever asks for readiness waits for fresh answers; then the last ones known are told."""


class WrongSetting(Exception):
    """Something is there and not as the settings declare it: only a person can help. The text names the setting."""


@dataclass(frozen=True)
class Report:
    """What readiness answers, to anybody: names and classes of errors only."""

    status: str
    checks: Mapping[str, str]
    since: Mapping[str, datetime]

    @property
    def takes_requests(self) -> bool:
        """Say whether requests may be sent here."""
        return self.status in ("ready", "degraded")


class Readiness:
    """All that a room depends on in its role, and whether the room is open."""

    def __init__(self, room: str, dependencies: Iterable[Dependency] = ()) -> None:
        self._room = room
        self._dependencies = tuple(dependencies)
        self._news = asyncio.Event()
        # A room whose opening nobody has begun (its routes are called in process) keeps nobody waiting.
        self._opening = False
        self.play("serve")

    def play(self, role: str) -> None:
        """Watch what this role uses; call it before anything is asked.

        `serve` takes requests as `api` does: what only a worker requires does not make it unready.
        """
        used = [one for one in self._dependencies if one.used_by & ROLES[role]]
        self._watched = [Watched(self._room, one, self._news.set) for one in used]
        self._role = API if API in ROLES[role] else WORKER

    @property
    def is_open(self) -> bool:
        """Say whether the room may answer and work."""
        return not self._opening

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Ask every dependency, again and again, while the block lasts; the room is closed until `opened` returns."""
        self._opening = True
        watches = [asyncio.create_task(one.watch(), name=f"{self._room} watches {one.name}") for one in self._watched]
        try:
            yield
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
            await asyncio.gather(*(one.let_go() for one in self._watched))

    async def opened(self) -> None:
        """Open the room once all that it requires is open. Raises `WrongSetting` where that will never be."""
        while not self._may_open():
            await self._news.wait()
            self._news.clear()
        self._opening = False

    def _may_open(self) -> bool:
        wrong = [f"{one.dependency.setting}: {one.misconfigured}" for one in self._watched if one.misconfigured]
        if wrong:
            raise WrongSetting("\n".join(wrong))
        if any(one.state == UNKNOWN for one in self._watched):
            return False
        return all(any(one.opened for one in members) for members in self._required())

    async def report(self) -> Report:
        """Ask everything and tell what is known then."""
        await asyncio.gather(*(one.asked(ANSWER_SECONDS) for one in self._watched))
        checks = {one.name: one.state for one in self._watched}
        since = {one.name: one.since for one in self._watched if one.since is not None}
        for name, members in self._groups().items():
            away = [one.since for one in members if one.since is not None]
            checks[name] = OK
            if len(away) == len(members):
                checks[name], since[name] = members[0].state, max(away)
        return Report(self._status(), checks, since)

    def _status(self) -> str:
        if self._opening:
            return "opening"
        if not all(any(one.state == OK for one in members) for members in self._required()):
            return "unready"
        return "ready" if all(one.state == OK for one in self._watched) else "degraded"

    def _required(self) -> list[Sequence[Watched]]:
        """Return what this role cannot do without; of several together one is enough."""
        alone = [[one] for one in self._watched if one.dependency.one_of is None]
        return [
            members
            for members in (*alone, *self._groups().values())
            if any(self._role in one.dependency.required_by for one in members)
        ]

    def _groups(self) -> Mapping[str, list[Watched]]:
        groups: dict[str, list[Watched]] = {}
        for one in self._watched:
            if one.dependency.one_of is not None:
                groups.setdefault(one.dependency.one_of, []).append(one)
        return groups
