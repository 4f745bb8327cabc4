"""What a test does with audits: copies last read long ago, one stint of every hand, a site that is watched."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from typing_extensions import override

from services.storage.auditing import AUDIT, Auditor
from services.storage.examining import Examiner
from services.storage.pacing import Times
from shared import faults
from shared.checksums import Measure
from shared.clock import now
from shared.messages.ingest import AipBuiltV1
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage.depot import Depot

TIMES = Times()


def an_auditor(depot: Depot, times: Times = TIMES) -> Auditor:
    examiner = Examiner(depot.database, depot.sites, timedelta(days=depot.settings.retention_days), times.clock)
    return Auditor(depot.database, examiner, depot.settings, times)


async def stored(depot: Depot, count: int, *, days: float = 10) -> list[AipBuiltV1]:
    """Store AIPs whose copies were last read so many days ago, the first one longest ago."""
    messages = [await depot.hand_over() for _ in range(count)]
    await depot.work_off()
    for number, message in enumerate(messages):
        await depot.databases.as_superuser(
            "UPDATE storage.copy SET verified_at = now() - make_interval(secs => $2) WHERE holding = $1",
            message.aip_id,
            days * 86400 - number,
        )
    return messages


def site_folder(depot: Depot, site: str) -> Path:
    return Path(depot.sites[site].site.location)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"chartrier_{name}", labels) or 0


async def audit(depot: Depot, auditor: Auditor | None = None) -> None:
    """One stint of every hand."""
    auditor = auditor or an_auditor(depot)
    await auditor.ask(depot.database)
    for held in await depot.lease(AUDIT):
        await auditor.audit(held)


async def read_now(depot: Depot, aip_id: UUID) -> set[str]:
    """The sites whose copy of an AIP was read within the last hour."""
    copies = await depot.copies(aip_id)
    return {site for site, copy in copies.items() if (copy.verified_at or now()) > now() - timedelta(hours=1)}


Seen = Callable[[str], Awaitable[None]]


async def nothing(_key: str) -> None: ...


class Watched(FilesystemSite):
    """A folder that tells which copy is about to be read whole, and which was."""

    def __init__(self, root: Path, before: Seen, after: Seen) -> None:
        super().__init__(root)
        self._before, self._after = before, after

    @override
    async def sha512(self, key: str, version_id: str | None = None, *, cold: bool = False) -> Measure:
        assert cold
        await self._before(key)
        found = await super().sha512(key, version_id, cold=cold)
        await self._after(key)
        return found


def watched(depot: Depot, site: str, before: Seen, after: Seen = nothing) -> Depot:
    """The same depot, with something done before, or after, each copy of a site is read."""
    return depot.with_site(site, Watched(site_folder(depot, site), before, after))


class Stopped(BaseException):
    """What a kill leaves of a process that a test lives in."""


def dying(monkeypatch: pytest.MonkeyPatch, point: str, time: int) -> list[str]:
    """Have the process stop where a point is passed for the so many-th time, once; return the points passed."""
    passed: list[str] = []

    def strike(name: str) -> None:
        passed.append(name)
        if name == point and passed.count(name) == time:
            raise Stopped

    monkeypatch.setattr(faults, "strike", strike)
    return passed
