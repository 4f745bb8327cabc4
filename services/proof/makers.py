"""Those who make anchors and seals, put together: what the room runs, and what it serves of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from services.proof.anchoring import Anchorer, anchor_content
from services.proof.authorities import stamper_of
from services.proof.clock import Clock
from services.proof.domain.proofs import MAKE
from services.proof.filing import Content, Filer
from services.proof.sealing import STAMP, Sealer, seal_content
from services.proof.seals_api import Periods, seal_routes
from services.proof.settings import ProofSettings
from services.proof.signing.port import ProofSigner
from services.proof.stamping.fetching import Fetcher
from shared.messages.proof import ProofKind
from shared.messaging.housekeeping import Chore
from shared.messaging.lease import Lease
from shared.messaging.transaction import RoomDatabase
from shared.messaging.work import finish
from shared.messaging.workers import Job
from shared.object_store.port import ObjectStore

LOOK_SECONDS = 20.0
"""How often it is looked whether an anchor or a seal is due."""


class Makers:
    """Anchorer, sealer and filer on one database and one staging."""

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
        }
        self.filer = Filer(database, staging, contents)
        self.stamper = stamper = stamper_of(own, self._fetcher)
        self.probative = probative = signer.probative and stamper.probative
        self._anchorer = Anchorer(
            database, (signer, self.filer), clock.require, self._periods.anchor, probative=probative
        )
        self._sealer = Sealer(
            database, (signer, stamper, self.filer), clock.require, self._periods.seal, probative=probative
        )

    @property
    def jobs(self) -> Mapping[str, Job]:
        """Return what is done under a lease."""
        return {STAMP: self._sealer.finish, MAKE: self._make}

    async def _make(self, held: Lease) -> None:
        await self._anchorer.anchor()
        await self._sealer.plan()
        async with self._database.begin() as tx:
            await finish(tx, held)

    @property
    def chores(self) -> Sequence[Chore]:
        """Return what is seen to now and then."""
        return (
            Chore("proofs that staging lost", self.filer.mend_staging),
            Chore("anchors", self._anchorer.anchor_due, every=LOOK_SECONDS),
            Chore("seals", self._sealer.seal_due, every=LOOK_SECONDS),
        )

    @property
    def close(self) -> Callable[[], Awaitable[None]]:
        """Return what closes the connections to authorities."""
        return self._fetcher.close

    def routes(self) -> APIRouter:
        """Return the routes of what is made here."""
        return seal_routes(self._database, partial(seal_content, self._database), self._periods)
