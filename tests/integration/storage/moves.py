"""What a test of sites that come and go does: declare them, fill and retire them, look at their state."""

from typing import Any

from services.storage.declaring import reconcile
from services.storage.filling import FILL, Filler
from services.storage.queries import sites as queries
from services.storage.retiring import RETIRE, Retirer
from services.storage.site_survey import survey
from tests.integration.storage.depot import Depot
from tests.integration.storage.harm import repair


async def declare(depot: Depot) -> None:
    await reconcile([one.site for one in depot.sites.values()], depot.database)


async def fill(depot: Depot, *, most: int = 20) -> int:
    """Do the work of filling, and copying, until there is none; return how often it was leased."""
    filler = Filler(depot.database, list(depot.sites))
    for rounds in range(most):
        await depot.release()
        held = await depot.lease(FILL)
        if not held:
            return rounds
        for one in held:
            await filler.fill(one)
        await repair(depot)
    raise AssertionError("it does not end")


async def retired(depot: Depot, *, most: int = 10) -> None:
    retirer = Retirer(depot.database, depot.sites)
    for _ in range(most):
        await depot.release()
        for one in await depot.lease(RETIRE):
            await retirer.retire(one)


async def known(depot: Depot) -> dict[str, str]:
    async with depot.database.reading() as connection:
        return {name: one.state.value for name, one in (await queries.known(connection)).items()}


async def surveyed(depot: Depot, name: str) -> dict[str, Any]:
    async with depot.database.reading() as connection:
        return {one["name"]: one for one in await survey(connection, depot.sites)}[name]


def names_of(lines: list[Any]) -> list[str]:
    return [line.details["site"] for line in lines]


class Killed(BaseException):
    """The process died here."""
