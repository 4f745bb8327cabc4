"""How far the audits of all sites are: measured at rest, for metrics and for whoever asks."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Gauge

from services.storage.domain.forecasts import Progress, progress
from services.storage.queries import audits, rounds
from services.storage.resting import Resting
from services.storage.settings import StorageSettings
from shared.clock import now
from shared.gauges import show
from shared.messaging.transaction import RoomDatabase

OLDEST = Gauge("chartrier_audit_oldest_seconds", "How long ago the copy was read that was longest not", ("site",))
DUE = Gauge("chartrier_audit_copies_due", "Copies that are to be read again", ("site",))
LATE = Gauge("chartrier_audit_copies_late", "Copies that were not read within the period", ("site",))
SPEED = Gauge("chartrier_audit_bytes_per_second", "How fast a site is audited, rests included", ("site",))
ROUND = Gauge("chartrier_audit_round_periods", "How long the round of a site has lasted, in periods", ("site",))
MISSED = Gauge("chartrier_audit_missed", "1 where the period was missed, or will be at this speed", ("site",))


@dataclass(frozen=True, slots=True)
class Survey:
    """What was measured at a moment: the progress of each site, and when its round began."""

    at: datetime
    sites: Mapping[str, Progress]
    rounds: Mapping[str, datetime]


class Surveyor:
    """Measures when it is asked, and rests.

    The whole copy map is read for it: one that takes a minute is an hour and a half old at most.
    """

    def __init__(
        self,
        database: RoomDatabase,
        sites: Sequence[str],
        settings: StorageSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._sites = sites
        self._period = timedelta(days=settings.audit_period_days)
        self._hands = settings.audit_hands
        self._share = settings.audit_share
        self._resting = Resting(self._survey, clock)

    async def look(self) -> Survey:
        """Return the last survey, or make one where it is old."""
        return await self._resting.look()

    async def measure(self, _database: RoomDatabase) -> None:
        """Set the gauges."""
        survey = await self.look()
        ages = {site: survey.at - (one.oldest or survey.at) for site, one in survey.sites.items()}
        show(OLDEST, {(site,): age.total_seconds() for site, age in ages.items()})
        show(DUE, {(site,): one.due for site, one in survey.sites.items()})
        show(LATE, {(site,): one.late for site, one in survey.sites.items()})
        show(SPEED, {(site,): one.bytes_per_second or 0.0 for site, one in survey.sites.items()})
        show(ROUND, {(site,): (survey.at - began) / self._period for site, began in survey.rounds.items()})
        show(MISSED, {(site,): float(one.missed_from is not None) for site, one in survey.sites.items()})

    async def _survey(self) -> Survey:
        at = now()
        async with self._database.snapshot() as connection:
            ages = await audits.ages(connection, at - self._period / 2, at - self._period)
            speeds = await audits.speeds(connection, self._hands)
            began = await rounds.open_rounds(connection)
        found = {
            site: progress(ages.get(site, ()), self._period, _times(speeds.get(site), self._share), at)
            for site in self._sites
        }
        return Survey(at, found, began)


def _times(speed: float | None, share: float) -> float | None:
    return None if speed is None else speed * share
