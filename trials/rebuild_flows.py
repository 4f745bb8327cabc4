"""A rebuild dies at each of its places, and is given again: of an older backup and a site comes the whole archive."""

import json

from services.local.rooms import Room
from shared.database.engine import role_of
from shared.rooms import ROOMS
from trials.dying import command, told
from trials.evidence import agree, until_idle
from trials.recovery import OlderBackup
from trials.scenes import PATIENCE, Scene

MANY_FILES = 800
"""Files of a deposit whose catalogue is too large to be read whole."""

_AWAITED = """SELECT (SELECT count(*) FROM storage.holding WHERE state NOT IN ('stored', 'purged'))
                   + (SELECT count(*) FROM proof.container WHERE stored_at IS NULL)"""


def rebuilt(scene: Scene) -> None:
    """One AIP is older than the backup and purged after it, another is younger; then the database burns."""
    gone = scene.stored_aip()
    backup = OlderBackup(scene.levers, scene.folder / "backup")
    backup.take()
    scene.deposit(files=MANY_FILES if scene.place.endswith(".streamed") else 3)
    scene.aip()
    scene.order_purge(gone)
    scene.until_purged(gone)
    scene.purged.append((gone, 1))
    _close_journals(scene)
    backup.put_back()
    asked = ("rebuild", "--from-site", "site-a")
    agree("status of `rebuild`, which dies", command(_of_all(scene), *asked, fault_at=scene.place), -9)
    agree("status of `rebuild`", command(_of_all(scene), *asked), 0)
    scene.levers.make_whole()
    until_idle(scene.levers, patience=PATIENCE)
    # In every room: what is gone is known to be, and what is left is found.
    with scene.town.client() as client:
        found = [[unit.id for unit in client.search(transfer=one)] != [] for one in scene.transfers]
    agree("transfers of which units are found", found, [False, True])


def _close_journals(scene: Scene) -> None:
    """Have all lines of now leave for the sites; those about their containers' own copies come after."""
    until_idle(scene.levers, patience=PATIENCE)
    agree("status of `journals close`", command(scene.levers.room("proof"), "journals", "close"), 0)
    until_idle(scene.levers, patience=PATIENCE)
    agree("holdings and containers awaited", scene.levers.count(_AWAITED), 0)


def _of_all(scene: Scene) -> Room:
    """Return storage, told where every room's database is."""
    server = scene.levers.stack.start_postgres()
    urls = json.dumps({room: server.url(role_of(room)) for room in ROOMS})
    return told(scene.levers.room("storage"), {"CHARTRIER_DATABASE_URLS": urls})
