"""Whether an AIP was ever stored: on every site, as an accepted transfer needs it, and not on some of them only."""

from uuid import UUID

from services.rebuild.deposits import ACCEPTED, TRANSFER
from services.rebuild.facts import GONE_ACTIONS, STORED
from services.rebuild.gone import Told
from services.rebuild.house import House
from services.storage.domain.key_names import NamedAip


def is_told_stored(house: House, named: NamedAip, transfer: UUID, told: Told) -> bool:
    """Say whether lines tell of its end: that it is stored, that its transfer is accepted, or each of its copies."""
    about, of = f"aip:{named.id}", f"{TRANSFER}{transfer}"
    lines = house.scratch.about([about, of])
    if f"{STORED} {named.version}" in lines[about]:
        return True
    # Of its first version only: a later one is made of an AIP that was accepted long before.
    if named.version == 1 and ACCEPTED in lines[of]:
        return True
    written = {site for site, said in told.items() if said["action"] not in GONE_ACTIONS}
    return written >= set(house.sites)
