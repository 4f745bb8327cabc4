"""How each place of `shared.faults` is come by on a full stack, from outside; and what must come of it besides.

Three things are done by a superuser's hand, since nobody may wait for days: copies count as read, and restore tests
as made, long ago; and of a store with versions the copy map names other bytes (`trials.harm`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chartrier_client.answers import ArchivedUnit
from trials import harm
from trials.dying import command, parted, started_anew
from trials.evidence import agree, until_idle
from trials.forgetting_flows import forgotten
from trials.keeping import Sites, assert_kept
from trials.levers import Amiss, until
from trials.proof_flows import close_journals, gather, prove, receive
from trials.rebuild_flows import rebuilt
from trials.renewal_flows import give_up
from trials.scenes import PATIENCE, Scene
from trials.third_sites import ThirdSite

Flow = Callable[[Scene], None]

STEPS = ("catalogue", "copies", "journals", "proofs", "purges", "records", "transfers")
"""What a rebuild brings back, one behind the other."""

DAMAGED = 'chartrier_holdings_damaged{kind="aip"}'
"""What the alarm ChartrierHoldingDamaged watches."""


def store(scene: Scene) -> None:
    """A deposit is written and read back."""
    with scene.dying():
        scene.deposit()
    scene.aip()


def audit(scene: Scene) -> None:
    """Copies fall due; one of them went bad, and is written again."""
    aip = scene.stored_aip()
    _spoil(scene, aip, "site-a")
    with parted(scene.levers, "storage", scene.folder) as storage:
        harm.make_due(scene.levers, aip, *harm.SITES)
        with storage.dying(scene.place):
            pass
    scene.until_whole(aip)
    scene.require_repaired(aip)


def lose_a_new_copy(scene: Scene) -> None:
    """A site loses a copy before it was ever read back: the workers die twice, and are away in between."""
    with parted(scene.levers, "storage", scene.folder) as storage:
        with storage.dying("storage.write.noted"):
            scene.deposit()
        [row, *_] = scene.levers.ask(
            """SELECT holding.id, copy.site FROM holding JOIN copy ON copy.holding = holding.id
               WHERE copy.state = 'written' AND holding.kind = 'aip' AND holding.establishment = $1::uuid""",
            scene.town.establishment,
            room="storage",
        )
        harm.remove(scene.levers, harm.copies_of(scene.levers, str(row["id"]))[row["site"]])
        with storage.dying(scene.place):
            pass
    scene.aip()


def lose_all(scene: Scene) -> None:
    """The copy that the lost one is to be written from is lost as well: a person is called, and has a back-up."""
    aip, back_up = _backed_up(scene)
    for site in harm.SITES:
        _spoil(scene, aip, site)
    with parted(scene.levers, "storage", scene.folder) as storage:
        harm.make_due(scene.levers, aip, "site-b")
        with storage.dying(scene.place):
            pass
    _require_alarm(scene, aip)
    agree("status of `copies restore`", command(scene.levers.room("storage"), *back_up), 0)
    _require_restored(scene, aip)


def restore(scene: Scene) -> None:
    """The command that puts back what no site has dies, and is run again."""
    aip, back_up = _backed_up(scene)
    for site in harm.SITES:
        _spoil(scene, aip, site)
    harm.make_due(scene.levers, aip, *harm.SITES)
    started_anew(scene.levers, "storage")
    _require_alarm(scene, aip)
    room = scene.levers.room("storage")
    agree("status of `copies restore`, which dies", command(room, *back_up, fault_at=scene.place), -9)
    agree("status of `copies restore`", command(room, *back_up), 0)
    _require_restored(scene, aip)


def sample(scene: Scene) -> None:
    """A sample of the town's copies is asked for."""
    scene.stored_aip()
    wanted = {"count": 3, "establishment": scene.town.establishment}
    with scene.dying():
        run = _ask(scene, "samples", wanted)
    agree("goodness of the sample", _ended(scene, run)["good"], expected=True)


def coherence(scene: Scene) -> None:
    """A site is compared with the copy map, and a copy that is not there is written again."""
    aip = scene.stored_aip()
    harm.remove(scene.levers, harm.copies_of(scene.levers, aip)["site-a"])
    with scene.dying():
        run = _ask(scene, "coherence", {"site": "site-a"})
    ended = _ended(scene, run)
    found = {(one["key"], one["outcome"]) for one in ended["named"]}
    if (harm.copies_of(scene.levers, aip)["site-a"].key, "missing") not in found:
        raise Amiss(f"a copy of {aip} that its site had lost was not named: {found}")
    scene.until_whole(aip)
    scene.require_repaired(aip)


def restore_test(scene: Scene) -> None:
    """The town's first restore test comes with the next round of the house."""
    scene.stored_aip()
    with scene.dying():
        pass
    _tested(scene)


def doubt(scene: Scene) -> None:
    """A restore test finds a copy spoilt; another reading judges it, and it is written again."""
    aip = scene.stored_aip()
    started_anew(scene.levers, "storage")
    [first] = _tested(scene)
    [other] = set(harm.SITES) - {first}  # whose turn it is then
    _spoil(scene, aip, other)
    with parted(scene.levers, "storage", scene.folder) as storage:
        query = "UPDATE restore_test SET tested_at = now() - interval '40 days' WHERE establishment = $1::uuid"
        scene.levers.ask(query, scene.town.establishment, room="storage")
        with storage.dying(scene.place):
            pass
    scene.until_whole(aip)
    scene.require_repaired(aip)


def purge(scene: Scene) -> None:
    """One of two deposits is purged whole."""
    scene.stored_aip()
    aip = scene.stored_aip()
    with scene.dying():
        scene.order_purge(aip)
    scene.until_purged(aip)
    scene.purged.append((aip, 1))


def purge_partly(scene: Scene) -> None:
    """A unit of a deposit goes; what stays is written anew, and the version before is deleted."""
    aip = scene.stored_aip()
    with scene.town.client() as client:
        gone, *left = [unit for unit in client.search(transfer=scene.transfers[0]) if unit.objects]
    with scene.dying():
        scene.order_purge(aip, [gone.id])
    scene.until_purged(aip)
    scene.purged.append((aip, 1))
    scene.again |= {"aip.stored": 1, "aip.catalogued": 1}
    _require_reduced(scene, gone, left)


def fill(scene: Scene) -> None:
    """A third site is declared, and filled."""
    aip, third = scene.stored_aip(), ThirdSite.new(scene.levers, scene.run.folder / "sites")
    with scene.dying(also=third.also):
        pass
    _require_filled(scene, third, aip)
    third.retire()
    third.forget()


def retire(scene: Scene) -> None:
    """A third site is declared, filled and retired."""
    aip, third = scene.stored_aip(), ThirdSite.new(scene.levers, scene.run.folder / "sites")
    started_anew(scene.levers, "storage", third.also)
    _require_filled(scene, third, aip)
    with scene.dying(also=third.also):
        third.retire()
    third.forget()


PLACES: Mapping[str, Flow] = {
    "access.forget": forgotten,
    "data_management.forget": forgotten,
    "ingest.forget": forgotten,
    "proof.close": close_journals,
    "proof.anchor": prove,
    "proof.file": prove,
    "proof.gather": gather,
    "proof.receipt": receive,
    "proof.seal": prove,
    "proof.campaign": give_up,
    "proof.renewal": give_up,
    "proof.reread": give_up,
    **dict.fromkeys(("rebuild", *(f"rebuild.{step}" for step in STEPS)), rebuilt),
    "storage.audit": audit,
    "storage.coherence": coherence,
    "storage.doubt": doubt,
    "storage.fill": fill,
    "storage.purge": purge,
    "storage.repair.lost": lose_a_new_copy,
    "storage.repair.source": lose_all,
    "storage.restore": restore,
    "storage.restore_test": restore_test,
    "storage.retire": retire,
    "storage.rewrite": purge_partly,
    "storage.sample": sample,
    "storage.verify": store,
    "storage.write": store,
}
"""Which flow comes by a place: by its whole name, or by all of it but the last word."""


def flow_by(place: str) -> Flow | None:
    """Return the flow that comes by a place of `shared.faults`; None where none does."""
    return PLACES.get(place) or PLACES.get(place.rpartition(".")[0])


def _spoil(scene: Scene, aip: str, site: str) -> None:
    copy = harm.copies_of(scene.levers, aip)[site]
    scene.run.notebook.count(harm.spoil(scene.levers, copy, scene.run.chance(f"{scene.place}/{site}")))


def _backed_up(scene: Scene) -> tuple[str, tuple[str, ...]]:
    """Store an AIP and keep its bytes elsewhere; return it, and the command that puts them back."""
    aip = scene.stored_aip()
    file = scene.folder / "back-up.tar"
    file.write_bytes(harm.bytes_of(scene.levers, harm.copies_of(scene.levers, aip)["site-a"]))
    return aip, ("copies", "restore", aip, "--file", str(file))


def _require_alarm(scene: Scene, aip: str) -> None:
    scene.until_rows("SELECT 1 FROM holding WHERE id = $1::uuid AND state = 'damaged'", aip)
    until(lambda: scene.gauge(DAMAGED) > 0, patience=PATIENCE)
    scene.run.notebook.count("alarms: what no site has a good copy of is shown to whoever watches")


def _require_restored(scene: Scene, aip: str) -> None:
    scene.until_whole(aip)
    until(lambda: scene.gauge(DAMAGED) == 0, patience=PATIENCE)


def _ask(scene: Scene, kind: str, wanted: Mapping[str, object]) -> str:
    with scene.operator() as http:
        answer = http.post(f"/storage/v1/audits/{kind}", json=wanted)
    if answer.status_code != 202:
        raise Amiss(f"a run of {kind} was refused: {answer.status_code} {answer.text}")
    run: str = answer.json()["id"]
    return run


def _ended(scene: Scene, run: str) -> Mapping[str, Any]:
    with scene.operator() as http:

        def ended() -> Mapping[str, Any]:
            found: Mapping[str, Any] = http.get(f"/storage/v1/audits/runs/{run}").raise_for_status().json()
            return found if found["state"] == "ended" else {}

        return until(ended, patience=PATIENCE)


def _tested(scene: Scene) -> list[str]:
    """Return the sites that the town's restore tests read from, once there was one."""
    query = "SELECT site, outcome FROM restore_test WHERE establishment = $1::uuid"
    rows = scene.until_rows(query, scene.town.establishment)
    agree("outcomes of restore tests", {row["outcome"] for row in rows}, {"whole"})
    return [str(row["site"]) for row in rows]


def _require_reduced(scene: Scene, gone: ArchivedUnit, left: Sequence[ArchivedUnit]) -> None:
    """See that the reply tells of the units, and objects, that are left, and of those alone."""

    def told(*units: ArchivedUnit) -> list[bool]:
        return [name.encode() in reply for unit in units for name in (unit.id, *(one.id for one in unit.objects))]

    def reduced() -> bytes:
        # The room may not have heard of it yet.
        found = client.reply(scene.transfers[0])
        return found if gone.id.encode() not in found else b""

    with scene.town.client() as client:
        reply = until(reduced, patience=PATIENCE)
    agree("names of what went that the reply tells", told(gone), [False, False])
    agree("all of what is left", all(told(*left)), expected=True)


def _require_filled(scene: Scene, third: ThirdSite, aip: str) -> None:
    third.until_state("active")
    until_idle(scene.levers, patience=PATIENCE)
    if third.name not in harm.copies_of(scene.levers, aip):
        raise Amiss(f"{third.name} has no copy of {aip}")
    assert_kept(Sites(scene.levers, {third.name: third.path}), [scene.town.establishment], [])
