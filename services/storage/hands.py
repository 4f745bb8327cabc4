"""Which hands do storage's long work: each loop has hands of its own, so that none waits for what is slower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.storage.auditing import AUDIT, Auditor
from services.storage.coherence import Comparer
from services.storage.declaring import reconcile
from services.storage.deleting import PURGE
from services.storage.doubts import DOUBT, Doubter
from services.storage.examining import Examiner
from services.storage.filling import FILL, Filler
from services.storage.findings import RENEW, look_again
from services.storage.handlers import FETCH, REWRITE, UNSTAGE, VERIFY, WRITE
from services.storage.profiles import ProfileKeeper
from services.storage.purge_orders import BEGIN, Beginner
from services.storage.purging import Purger
from services.storage.rebuilding import read_back_rebuilt
from services.storage.releasing import RELEASE, Releaser
from services.storage.renewing import Renewer
from services.storage.repair_walk import RepairWalk, ask_for_repairs
from services.storage.repairing import REPAIR
from services.storage.restore_testing import RESTORE, RestoreTester, plan_tests
from services.storage.retiring import RETIRE, Retirer
from services.storage.rewriting import Rewriter
from services.storage.runs import COHERENCE, SAMPLE, ask_monthly, forget
from services.storage.sampling import Sampler
from services.storage.settings import StorageSettings
from services.storage.sites import OpenSite
from services.storage.tidying import tidy_sites
from services.storage.worker import Keeper
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lane
from shared.messaging.transaction import RoomDatabase
from shared.messaging.workers import Job, WorkLoop

LARGE_SLOTS = 2
"""Large copies written, and read back, at once: one on each of two sites."""

UPKEEP_SLOTS = 4
"""Sites filled, or retired, at once: each walks over all holdings."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What all of it is done with; `lasts` is how long a lease lasts, in seconds."""

    database: RoomDatabase
    sites: Mapping[str, OpenSite]
    own: StorageSettings
    lasts: float

    def copying(self, keeper: Keeper) -> Sequence[WorkLoop]:
        """Write copies, and read them back.

        Apart, so that a site that hangs in writing never keeps another's copies from being read back, nor large
        copies the small ones; and what nobody waits for (copies made again, those of a new site) by hands of its own.
        """
        jobs = {WRITE: keeper.write, VERIFY: keeper.verify}
        lanes = ((Lane.USUAL, self.own.storage_slots), (Lane.LARGE, LARGE_SLOTS))
        apart = [self._loop({kind: job}, slots, lane) for kind, job in jobs.items() for lane, slots in lanes]
        return [*apart, self._loop(jobs, self.own.background_slots, Lane.BACKGROUND)]

    def upkeep(self, profiles: ProfileKeeper) -> Sequence[WorkLoop]:
        """Walk over sites, read packages back whole, judge copies in doubt, fetch profiles."""
        walks = {
            FILL: Filler(self.database, sorted(self.sites)).fill,
            RETIRE: Retirer(self.database, self.sites).retire,
            REPAIR: RepairWalk(self.database, sorted(self.sites)).go_on,
        }
        tester = RestoreTester(self.database, self.sites)
        return [
            self._loop(walks, UPKEEP_SLOTS),
            self._loop({FETCH: profiles.keep}, 1),
            self._loop({RESTORE: tester.test}, 1),
            self._loop({DOUBT: Doubter(self.database, self.sites).judge}, len(self.sites)),
        ]

    def purging(self, rewriter: Rewriter) -> Sequence[WorkLoop]:
        """Begin orders to purge, write anew what stays, delete copies; one site that hangs keeps no other waiting."""
        beginner, purger = Beginner(self.database, self.sites), Purger(self.database, self.sites)
        releaser = Releaser(self.database, self.sites)
        return [
            self._loop({BEGIN: beginner.begin, RELEASE: releaser.release}, 1),
            self._loop({REWRITE: rewriter.rewrite, UNSTAGE: rewriter.unstage}, 1),
            self._loop({PURGE: purger.purge}, len(self.sites)),
        ]

    def auditing(self, examiner: Examiner, auditor: Auditor) -> Sequence[WorkLoop]:
        """Read every copy again and again; and what is asked for: samples, comparisons, locks to be renewed."""
        asked_for = {
            SAMPLE: Sampler(self.database, examiner, self.own.audit_share).sample,
            COHERENCE: Comparer(self.database, examiner.sites).compare,
            RENEW: Renewer(self.database, examiner).renew,
        }
        return [
            self._loop({AUDIT: auditor.audit}, self.own.audit_hands * len(self.sites)),
            # Seldom, and never behind what goes on for ever.
            self._loop(asked_for, len(self.sites) + 1),
        ]

    def chores(self, auditor: Auditor) -> Sequence[Chore]:
        """Return what is looked after once an hour."""
        names, declared = sorted(self.sites), [one.site for one in self.sites.values()]
        return [
            Chore("sites", partial(reconcile, declared)),
            Chore("repairs", ask_for_repairs),
            Chore("restore tests", partial(plan_tests, self.own.restore_test_period)),
            Chore("audits", auditor.ask),
            Chore("copies under something strange", look_again),
            Chore("monthly comparisons", partial(ask_monthly, names)),
            Chore("audits of a year ago", forget),
            Chore("copies to read back after a rebuild", read_back_rebuilt),
            Chore("half written files", partial(tidy_sites, self.sites)),
        ]

    def _loop(self, jobs: Mapping[str, Job], slots: int, lane: Lane = Lane.USUAL) -> WorkLoop:
        return WorkLoop(self.database, jobs, slots=slots, lane=lane, lease_seconds=self.lasts)
