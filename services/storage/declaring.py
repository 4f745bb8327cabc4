"""The sites as declared beside the sites as known: new ones are filled, and what is missing is said.

declared for the first time ─┬─ the archive is empty ──▶ active ──retire──▶ retiring ──▶ retired, for ever
└─▶ filling ──every holding is there──▶ active
"""

import logging
from collections.abc import Collection, Mapping, Sequence

from prometheus_client import Gauge

from services.storage.domain.sites import Site, SiteState, UnsafeSitesError, require_safe_sites
from services.storage.filling import FILL
from services.storage.lines import site_line
from services.storage.queries import sites
from services.storage.queries.sites import KnownSite
from services.storage.retiring import RETIRE
from shared.gauges import show
from shared.messaging.lease import Piece
from shared.messaging.transaction import RoomDatabase, Transaction
from shared.messaging.work import enqueue

log = logging.getLogger(__name__)

UNDECLARED = Gauge("chartrier_site_undeclared", "Whether a site with copies that count is not declared", ("site",))


async def reconcile(declared: Sequence[Site], database: RoomDatabase) -> int:
    """Take in what is declared for the first time, and say loudly what else does not meet; return how many."""
    async with database.begin() as tx:
        known = await sites.known(tx.connection)
        new = [one.name for one in declared if one.name not in known]
        for name in new:
            await _take_in(tx, name)
        await _see_to(tx, known)
    for name in undeclared(known, [one.name for one in declared]):
        log.error("a site with copies that count is not declared", extra={"site": name})
    retired = {one.name for one in known.values() if one.state in (SiteState.RETIRING, SiteState.RETIRED)}
    for name in sorted(retired & {one.name for one in declared}):
        log.warning("a declared site is retired, and takes nothing", extra={"site": name})
    try:
        require_safe_sites([one for one in declared if one.name not in retired])
    except UnsafeSitesError as error:
        log.critical("the sites that are left cannot carry an archive", extra={"reason": str(error)})
    return len(new)


async def _take_in(tx: Transaction, name: str) -> None:
    state = await sites.add(tx.connection, name)
    if state is SiteState.FILLING:
        tx.journal(site_line("site.filling", name))
        await enqueue(tx, FILL, Piece(name))
    elif state is not None:
        tx.journal(site_line("site.declared", name))


async def _see_to(tx: Transaction, known: Mapping[str, KnownSite]) -> None:
    """Have the work on sites that are on their way: a migration asks for none, and asked for twice it is one."""
    for kind, state in ((FILL, SiteState.FILLING), (RETIRE, SiteState.RETIRING)):
        await enqueue(tx, kind, *(Piece(name) for name, one in known.items() if one.state is state))


def undeclared(known: Mapping[str, KnownSite], declared: Collection[str]) -> list[str]:
    """Name the sites whose copies count although nobody says any more where they are."""
    return sorted(name for name, one in known.items() if name not in declared and one.state is not SiteState.RETIRED)


async def measure_declared(declared: Collection[str], database: RoomDatabase) -> None:
    """Set which sites are not declared."""
    async with database.reading() as connection:
        known = await sites.known(connection)
    away = undeclared(known, declared)
    show(UNDECLARED, {(name,): float(name in away) for name in known})
