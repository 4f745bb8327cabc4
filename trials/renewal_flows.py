"""How the places of renewals are come by on a full stack: an algorithm falls, as an operator says."""

from collections.abc import Mapping
from datetime import timedelta

from services.proof.algorithms import DEFAULTS
from shared.clock import now
from trials.dying import parted, started_anew
from trials.levers import until
from trials.scenes import PATIENCE, Scene


def give_up(scene: Scene) -> None:
    """The digest of trees falls: a deposit that is sealed is read anew, and put under another tree."""
    aip = scene.stored_aip()
    scene.levers.ask("UPDATE seal SET at = at - interval '1 day'", room="proof")
    started_anew(scene.levers, "proof")
    sealed = """SELECT 1 FROM package_group JOIN seal ON seal.number = package_group.seal
                WHERE aip = $1::uuid AND token IS NOT NULL"""
    until(lambda: bool(scene.levers.ask(sealed, aip, room="proof")), patience=PATIENCE)
    # A campaign begins once a month: as if the last one had been long ago.
    scene.levers.ask("UPDATE tree_campaign SET began_at = began_at - interval '1 year'", room="proof")
    with parted(scene.levers, "proof", scene.folder, _falling(scene)) as proof, proof.dying(scene.place):
        pass
    renewed = "SELECT 1 FROM renewed_package WHERE aip = $1::uuid AND renewal IS NOT NULL"
    under_way = "SELECT 1 FROM tree_campaign WHERE ended_at IS NULL"
    until(lambda: bool(scene.levers.ask(renewed, aip, room="proof")), patience=PATIENCE)
    until(lambda: not scene.levers.ask(under_way, room="proof"), patience=PATIENCE)


def _falling(scene: Scene) -> Mapping[str, str]:
    """Return what tells proof that SHA-512 falls in a month."""
    falls = f"sha512 = {(now() + timedelta(days=30)).date()}"
    scene.folder.mkdir(exist_ok=True)
    register = scene.folder / "algorithms.toml"
    register.write_text(DEFAULTS.read_text("utf-8").replace('sha512 = "none"', falls, 1), "utf-8")
    return {"CHARTRIER_ALGORITHMS": str(register)}
