"""What was purged stays purged: the rooms hear of each purge again, as when it was done.

Of an empty database it makes the traces that purges leave; of one restored from a back-up it also takes what was
purged since, which is there again.
"""

from uuid import UUID

from services.access.forgetting import forget_aips as close_packages
from services.data_management.forgetting import forget_aips as close_catalogue
from services.ingest import rebuilding as ingest
from services.rebuild import gone
from services.rebuild.deposits import TRANSFER
from services.rebuild.facts import PURGED
from services.rebuild.house import House
from shared.faults import fault_point
from shared.messages.storage import AipPurgedV1


async def rebuild_purges(house: House) -> None:
    """Have catalogue, transfers and packages know what was purged."""
    if house.dry:
        return
    await gone.forget_purged(house)
    for about, sort, told in house.scratch.under(TRANSFER):
        if sort.startswith(PURGED):
            await _purge(house, UUID(about.removeprefix(TRANSFER)), AipPurgedV1.model_validate(told))


async def _purge(house: House, transfer: UUID, message: AipPurgedV1) -> None:
    about = f"{TRANSFER}{transfer}"
    lines = house.scratch.about([about])[about]
    if not await ingest.take_purge(house.rooms["ingest"], message, lines):
        house.report.came("purged transfers of which too little is known")
    async with house.rooms["access"].begin() as tx:
        await close_packages(tx, [message])
    # Last: it is work for a room that runs, and may be much.
    async with house.rooms["data_management"].begin() as tx:
        await close_catalogue(tx, [message])
    fault_point("rebuild.purges.told")
    house.report.came("purges")
