"""Rooms that forget what was purged die while they do; whoever comes after them forgets it too, and tells it once."""

import json

from trials.dying import parted
from trials.evidence import agree, until_idle
from trials.levers import until
from trials.scenes import PATIENCE, Scene

ROOMS = ("access", "data_management", "ingest")
"""Those that forget."""


def forgotten(scene: Scene) -> None:
    """One of two deposits is purged whole, of which somebody has a package; the room that the place is of dies."""
    scene.stored_aip()
    aip = scene.stored_aip()
    dip = _package(scene)
    room = scene.place.partition(".")[0]
    with parted(scene.levers, room, scene.folder) as parts, parts.dying(scene.place):
        scene.order_purge(aip)
    scene.until_purged(aip)
    scene.purged.append((aip, 1))
    _require_forgotten(scene, aip, dip)


def _package(scene: Scene) -> str:
    """Order the last deposit as a package, and wait until it may be fetched; return it."""
    with scene.town.client() as client:
        units = [unit.id for unit in client.search(transfer=scene.transfers[-1])]
        ordered = client.order_dip(units[:1])
        agree("state of the package", client.wait_dip(ordered).state, "ready")
    return ordered


def _require_forgotten(scene: Scene, aip: str, dip: str) -> None:
    # What was being heard when it died lies with the broker, where nobody sees it waiting.
    until(lambda: len(_tellers(scene, aip)) >= len(ROOMS), patience=PATIENCE)
    until_idle(scene.levers, patience=PATIENCE)
    agree(f"who forgot {aip}", _tellers(scene, aip), [f"room:{room}" for room in ROOMS])
    staging = scene.levers.stack.folder / "staging"
    names = {dip, scene.transfers[-1], aip}
    left = [path.name for path in staging.rglob("*") if any(name in str(path) for name in names)]
    agree(f"left in staging of {aip}", left, [])
    with scene.town.client() as client:
        until(lambda: client.dip(dip).state == "expired", patience=PATIENCE)
        agree("units found", [unit.id for unit in client.search(transfer=scene.transfers[-1])], [])


def _tellers(scene: Scene, aip: str) -> list[str]:
    """Return who told in the journals that it forgot an AIP, as often as it did."""
    told = scene.levers.ask("SELECT body FROM proof.line WHERE body LIKE $1", f"%{aip}%".encode())
    lines = [json.loads(row["body"]) for row in told]
    return sorted(line["actor"] for line in lines if line["action"] == "aip.forgotten")
