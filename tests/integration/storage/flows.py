"""Storage's flows from end to end, by whoever comes: what is killed on the way is begun anew by the next."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from services.storage import retiring
from services.storage.auditing import AUDIT
from services.storage.coherence import Comparer
from services.storage.deleting import PURGE
from services.storage.domain.sites import Site, SiteKind
from services.storage.doubts import DOUBT, Doubter
from services.storage.examining import Examiner
from services.storage.filling import FILL, Filler
from services.storage.findings import RENEW
from services.storage.handlers import REWRITE, UNSTAGE, VERIFY, WRITE
from services.storage.purge_orders import BEGIN, Beginner
from services.storage.purging import Purger
from services.storage.releasing import RELEASE, Releaser, release_former
from services.storage.renewing import Renewer
from services.storage.restore_testing import RESTORE, RestoreTester, plan_tests
from services.storage.restoring import Restorer
from services.storage.retiring import RETIRE, Retirer
from services.storage.rewriting import Rewriter
from services.storage.runs import COHERENCE, SAMPLE
from services.storage.sites import OpenSite
from shared.messaging.lease import Lane, Lease, Piece
from shared.messaging.work import enqueue
from shared.object_store.filesystem_site import FilesystemSite
from tests.integration.storage import audit_door, audited, harm
from tests.integration.storage.depot import Depot
from tests.integration.storage.moves import declare
from tests.integration.storage.purge_desk import PurgeDesk, an_order, catalogued

MONTH = timedelta(days=30)
RETAINED = timedelta(days=2)

Job = Callable[[Lease], Awaitable[None]]
Flow = Callable[[Depot], Awaitable[Depot]]
"""Goes from an empty depot to the flow's end; returns the depot as it then is."""


class Killed(BaseException):
    """The process is no more."""


async def work_off(depot: Depot) -> None:
    """Do all work, by whoever comes: a job that is killed is taken up by the next, with nothing of the last's."""
    while True:
        await depot.release()
        held = [one for kind in jobs(depot) for one in await depot.lease(kind, *Lane)]
        if not held:
            return
        for one in held:
            try:
                await jobs(depot)[one.kind](one)
            except Killed:
                break  # with it goes whatever else it had in hand


def jobs(depot: Depot) -> Mapping[str, Job]:
    """Every kind of work that comes to an end, and what does it."""
    keeper, examiner = depot.keeper, Examiner(depot.database, depot.sites, RETAINED)
    rewriter = Rewriter(depot.database, depot.sites, depot.staging)
    return {
        WRITE: keeper.write,
        VERIFY: keeper.verify,
        RESTORE: RestoreTester(depot.database, depot.sites).test,
        FILL: Filler(depot.database, sorted(depot.sites)).fill,
        RETIRE: Retirer(depot.database, depot.sites).retire,
        SAMPLE: audit_door.a_sampler(depot).sample,
        COHERENCE: Comparer(depot.database, depot.sites, 3).compare,
        RENEW: Renewer(depot.database, examiner).renew,
        BEGIN: Beginner(depot.database, depot.sites).begin,
        PURGE: Purger(depot.database, depot.sites).purge,
        DOUBT: Doubter(depot.database, depot.sites).judge,
        REWRITE: rewriter.rewrite,
        RELEASE: Releaser(depot.database, depot.sites).release,
        UNSTAGE: rewriter.unstage,
    }


async def until_alive(act: Callable[[], Awaitable[object]]) -> None:
    """Do something that a person does; killed, it is done again."""
    while True:
        try:
            await act()
        except Killed:
            continue
        return


async def store(depot: Depot) -> Depot:
    await declare(depot)
    await depot.hand_over(harm.CONTENT)
    await work_off(depot)
    return depot


async def restore_test(depot: Depot) -> Depot:
    await store(depot)
    await plan_tests(MONTH, depot.database)
    await work_off(depot)
    return depot


async def lose_a_new_copy(depot: Depot) -> Depot:
    await declare(depot)
    message = await depot.hand_over(harm.CONTENT)
    await depot.write()
    await harm.flip(depot, "b", (await depot.holding(message.aip_id)).key)
    await work_off(depot)
    return depot


async def lose_all(depot: Depot) -> Depot:
    """The copy that the other is to be written from turns out bad as well."""
    await declare(depot)
    message = await harm.stored(depot)
    key = (await depot.holding(message.aip_id)).key
    await harm.flip(depot, "a", key)
    await harm.truncate(depot, "b", key)
    await harm.audit(depot, "b", message.aip_id)
    await work_off(depot)
    return depot


async def restore(depot: Depot) -> Depot:
    await lose_all(depot)
    (row,) = await depot.databases.as_superuser("SELECT id FROM storage.holding WHERE state = 'damaged'")
    path = Path(depot.sites["a"].site.location).parent / "back-up.tar"
    path.write_bytes(harm.CONTENT)
    restorer = Restorer(depot.database, depot.sites, RETAINED)
    await until_alive(lambda: restorer.restore(row["id"], path, "operator:x"))
    await work_off(depot)
    return depot


async def fill(depot: Depot) -> Depot:
    await store(depot)
    more = with_third(depot)
    await more.sites["c"].store.prepare()
    await declare(more)
    await work_off(more)
    return more


async def retire(depot: Depot) -> Depot:
    more = await fill(depot)
    await retiring.retire(more.database, more.sites, "a", "operator:x", MONTH)
    await work_off(more)
    return more


def with_third(depot: Depot) -> Depot:
    root = Path(depot.sites["a"].site.location).parent / "site-c"
    site = Site("c", SiteKind.FILESYSTEM, "Nantes", str(root))
    return replace(depot, sites={**depot.sites, "c": OpenSite(site, FilesystemSite(root))})


async def audit(depot: Depot) -> Depot:
    await declare(depot)
    await audited.stored(depot, 3)
    auditor = audited.an_auditor(depot)
    await auditor.ask(depot.database)

    async def stint() -> None:
        await depot.release()
        for held in await depot.lease(AUDIT):
            await audited.an_auditor(depot).audit(held)

    await until_alive(stint)
    await work_off(depot)
    return depot


async def sample(depot: Depot) -> Depot:
    await declare(depot)
    await audited.stored(depot, 3)
    await audit_door.asked(depot, "samples", {"count": 2})
    await work_off(depot)
    return depot


async def coherence(depot: Depot) -> Depot:
    await declare(depot)
    first, *_ = await audited.stored(depot, 4)
    depot.file("a", (await depot.copies(first.aip_id))["a"].key).unlink()
    await audit_door.asked(depot, "coherence", {"site": "a"})
    await work_off(depot)
    return depot


async def purge(depot: Depot) -> Depot:
    await declare(depot)
    message = await depot.hand_over(harm.CONTENT)
    await work_off(depot)
    await PurgeDesk(depot).order(an_order(message))
    await work_off(depot)
    return depot


async def purge_partly(depot: Depot) -> Depot:
    """Two units of an AIP go; what stays is catalogued, and the version before is deleted."""
    await declare(depot)
    planted = await PurgeDesk(depot).planted()
    await PurgeDesk(depot).order(planted.order())
    await work_off(depot)
    async with depot.database.begin() as tx:
        await release_former(tx, [catalogued(planted.message, 2)])
    await work_off(depot)
    return depot


async def doubt(depot: Depot) -> Depot:
    """A restore test finds a copy spoilt; another judges it, and it is written again."""
    await declare(depot)
    message = await harm.stored(depot)
    key = (await depot.holding(message.aip_id)).key
    await harm.flip(depot, "a", key)
    async with depot.database.begin() as tx:
        await enqueue(tx, DOUBT, Piece(f"{message.aip_id}/1/a"))
    await work_off(depot)
    return depot


PLACES: Mapping[str, Flow] = {
    "storage.write": store,
    "storage.verify": store,
    "storage.restore_test": restore_test,
    "storage.repair.lost": lose_a_new_copy,
    "storage.repair.source": lose_all,
    "storage.restore": restore,
    "storage.fill": fill,
    "storage.retire": retire,
    "storage.audit": audit,
    "storage.sample": sample,
    "storage.coherence": coherence,
    "storage.purge": purge,
    "storage.purge.released": purge_partly,
    "storage.rewrite": purge_partly,
    "storage.doubt": doubt,
}
"""Which flow comes by a place: by its whole name, or by all of it but the last word."""


def flow_by(place: str) -> Flow:
    """Return the flow that comes by a place of `shared.faults`."""
    return PLACES.get(place) or PLACES[place.rpartition(".")[0]]
