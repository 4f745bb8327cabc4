"""Those who make anchors, seals and renewals, put together: what the room runs, and what it serves of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.proof import renewing, sealing
from services.proof.anchoring import Anchorer, anchor_content
from services.proof.authorities import algorithms_of, stamper_of
from services.proof.clock import Clock
from services.proof.domain.proofs import MAKE
from services.proof.filing import Content, Filer
from services.proof.renewal_calendar import Calendar
from services.proof.renewal_container import renewal_content
from services.proof.renewals_api import renewal_routes
from services.proof.renewing import Renewer
from services.proof.sealing import Sealer, seal_content
from services.proof.seals_api import Periods, seal_routes
from services.proof.settings import ProofSettings
from services.proof.signing.port import ProofSigner
from services.proof.stamping.fetching import Fetcher
from services.proof.tree_renewing import TreeRenewer
from shared.clock import now
from shared.messages.proof import ProofKind
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish
from shared.messaging.workers import Job
from shared.object_store.port import ObjectStore

LOOK_SECONDS, SEAL_LOOK_SECONDS = 20.0, 30.0
"""How often it is looked whether an anchor, or a seal, is due."""

MINUTE_SECONDS = 60.0

RENEWAL_SECONDS = 300.0
"""How often it is looked whether anything is to be renewed: there are months for it."""


class Makers:
    """Anchorer, sealer, renewer and filer on one database and one staging."""

    def __init__(
        self, own: ProofSettings, database: RoomDatabase, staging: ObjectStore, signer: ProofSigner, clock: Clock
    ) -> None:
        """Take the parts. Raises OSError where files of authorities are not as they were."""
        self._database = database
        self._fetcher = Fetcher()
        self._periods = Periods(timedelta(minutes=own.anchor_minutes), timedelta(hours=own.seal_hours))
        contents: Mapping[ProofKind, Content] = {
            "anchor": partial(anchor_content, database),
            "seal": partial(seal_content, database),
            "renewal": partial(renewal_content, database),
        }
        self.filer = Filer(database, staging, contents)
        self.stamper = stamper = stamper_of(own, self._fetcher, clock.hear)
        # As the settings have it, which then let nothing else take part: a module is known only once it was reached.
        self.probative = probative = own.probative
        self._anchorer = Anchorer(
            database, (signer, self.filer), clock.require, self._periods.anchor, probative=probative
        )
        self._sealer = Sealer(
            database, (signer, stamper, self.filer), clock.require, self._periods.seal, probative=probative
        )
        self.calendar = Calendar(algorithms_of(own), timedelta(days=own.renewal_margin_days))
        self._renewer = Renewer(
            database, (signer, stamper, self.filer), self.calendar, (clock.require, now), probative=probative
        )
        self._tree_renewer = TreeRenewer(database, self._renewer, own.renewal_packages_a_minute)

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Return what is done under a lease."""
        return {
            sealing.STAMP: self._sealer.finish,
            renewing.STAMP: self._renewer.finish,
            MAKE: self._make,
        }

    async def _make(self, held: Lease) -> None:
        # Tried again, it makes no second one: each stays on the sites for ever.
        await (self._anchorer.anchor() if held.attempts == 1 else self._anchorer.anchor_unless_young())
        await self._sealer.plan()
        async with self._database.begin() as tx:
            await finish(tx, held)

    @property
    def chores(self) -> Sequence[Chore]:
        """Return what is seen to now and then."""
        return (
            Chore("proofs that staging lost", self.filer.mend_staging),
            Chore("anchors", self._anchorer.anchor_due, every=LOOK_SECONDS),
            # In rounds of their own: a long plan delays no anchor.
            Chore("seals", self._sealer.seal_due, every=SEAL_LOOK_SECONDS),
            Chore("trees to renew", self._tree_renewer.renew_due, every=MINUTE_SECONDS),
            Chore("renewals", self._renewer.renew_due, every=RENEWAL_SECONDS),
        )

    @property
    def close(self) -> Callable[[], Awaitable[None]]:
        """Return what closes the connections to authorities."""
        return self._fetcher.close

    def routes(self) -> APIRouter:
        """Return the routes of what is made here."""
        router = APIRouter()
        router.include_router(seal_routes(self._database, partial(seal_content, self._database), self._periods))
        router.include_router(renewal_routes(self._database, partial(renewal_content, self._database), self.calendar))
        return router
