"""Proof dies while it makes what proves: containers of lines, groups of packages, anchors and seals."""

from trials.dying import parted
from trials.evidence import agree, until_idle
from trials.levers import until
from trials.scenes import PATIENCE, Scene


def close_journals(scene: Scene) -> None:
    """The town's journals leave for the sites for the first time."""
    scene.stored_aip()
    with scene.dying("proof"):
        pass
    until_idle(scene.levers, patience=PATIENCE)
    query = "SELECT 1 FROM holding WHERE kind = 'journal' AND establishment = $1::uuid AND state = 'stored'"
    scene.until_rows(query, scene.town.establishment)


def gather(scene: Scene) -> None:
    """A deposit is stored, and proof reads what it is made of."""
    with scene.dying("proof"):
        scene.deposit()
    aip = scene.aip()
    until_idle(scene.levers, patience=PATIENCE)
    query = "SELECT version FROM package_group WHERE aip = $1::uuid AND digests IS NOT NULL"
    agree("versions gathered", [row["version"] for row in scene.levers.ask(query, aip, room="proof")], [1])


def receive(scene: Scene) -> None:
    """A deposit is accepted, and proof issues its receipt."""
    with scene.dying("proof"):
        scene.deposit()
    until_idle(scene.levers, patience=PATIENCE)
    query = "SELECT count(*) AS receipts FROM receipt WHERE transfer = $1::uuid"
    found = scene.levers.ask(query, str(scene.transfers[0]), room="proof")
    agree("receipts issued", [row["receipts"] for row in found], [1])


def prove(scene: Scene) -> None:
    """An anchor and a seal are due, over what a deposit left."""
    scene.stored_aip()
    with parted(scene.levers, "proof", scene.folder) as proof:
        for made in ("UPDATE anchor SET at = at - interval '1 day'", "UPDATE seal SET at = at - interval '1 day'"):
            scene.levers.ask(made, room="proof")
        with proof.dying(scene.place):
            pass
    left = """SELECT 1 FROM seal LEFT JOIN filed ON kind = 'seal' AND filed.number = seal.number
              WHERE filed.stored_at IS NULL"""
    until(lambda: not scene.levers.ask(left, room="proof"), patience=PATIENCE)
