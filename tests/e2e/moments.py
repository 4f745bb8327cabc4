"""Six moments, one a room: deposits are under way, and the room provably holds something half done."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from chartrier_client.administration import AgreementTerms, create_agreement
from services.proof.queries import WRITING
from trials.evidence import states, until_all, until_idle
from trials.levers import Levers, frozen, until
from trials.towns import Town, a_package


@dataclass
class Scene:
    """A town that makes deposits, and remembers every one."""

    levers: Levers
    town: Town
    folder: Path

    def __post_init__(self) -> None:
        self.transfers: list[str] = []
        self.after: list[Callable[[], None]] = []
        until_idle(self.levers)  # what the founding of the town set going is no part of what follows

    def deposit(self, number: int = 3) -> list[str]:
        """Post packages one after another; each was answered 202."""
        with self.town.client() as client:
            new = [client.deposit(self._package(), self.town.agreement) for _ in range(number)]
        self.transfers += new
        return new

    def _package(self) -> Path:
        return a_package(self.folder / f"{uuid4().hex}.zip", files=2)


def held_by(levers: Levers, room: str, kind: str) -> int:
    """Count the pieces of work that a living worker of a room has in hand."""
    return levers.count("SELECT count(*) FROM work WHERE kind = $1 AND leased_until > now()", kind, room=room)


def have_workers(scene: Scene) -> None:
    """Make deposits until ingest has all of its child processes, which start on demand."""
    while len(scene.levers.workers()) < 2:
        until_all(scene.levers, scene.deposit(4), "accepted")


@contextmanager
def checking(scene: Scene) -> Iterator[None]:
    """Ingest has handed SIPs to its child processes, which do not come back."""
    levers = scene.levers
    have_workers(scene)
    with frozen(*levers.workers()):
        under_way = scene.deposit()
        until(lambda: states(levers, under_way) == {"checking": len(under_way)})
        until(lambda: held_by(levers, "ingest", "process") == len(under_way))
        yield


@contextmanager
def writing(scene: Scene) -> Iterator[None]:
    """Storage has sent copies to a site that takes the bytes and does not answer."""
    levers = scene.levers
    with frozen(levers.site(1)):
        until_all(levers, scene.deposit(), "storing")
        until(lambda: held_by(levers, "storage", "write") == 3)
        yield


@contextmanager
def cataloguing(scene: Scene) -> Iterator[None]:
    """Data management has asked storage for catalogues, and waits inside its transactions."""
    levers = scene.levers
    with ExitStack() as until_left:
        with frozen(levers.leader("data_management")):
            until_all(levers, scene.deposit(), "cataloguing")
            until_left.enter_context(frozen(levers.leader("storage")))
        until(lambda: held_by(levers, "data_management", "catalogue") > 0)
        yield


@contextmanager
def recording(scene: Scene) -> Iterator[None]:
    """Proof has claimed batches of lines, and waits for its turn to write them."""
    levers = scene.levers
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'chartrier proof' AND wait_event = 'advisory'"
    )
    with levers.holding(f"SELECT pg_advisory_xact_lock({WRITING})"):
        until_all(levers, scene.deposit(), "recording")
        until(lambda: levers.ask(waiting))
        yield


@contextmanager
def packaging(scene: Scene) -> Iterator[None]:
    """Access has begun a DIP and asked storage for bytes that do not come; deposits wait as well."""
    levers = scene.levers
    until_all(levers, scene.deposit(1), "accepted")
    with scene.town.client() as client:
        units = [unit.id for unit in client.search(transfer=scene.transfers[0]) if unit.objects]
        with frozen(levers.leader("storage")):
            until_all(levers, scene.deposit(), "storing")
            dip = client.order_dip(units)
            until(lambda: held_by(levers, "access", "build_dip"))
            yield

    def delivered() -> None:
        with scene.town.client() as again:
            assert again.wait_dip(dip, 60).state == "ready"
            again.download_dip(dip, scene.folder / "dip.zip")

    scene.after.append(delivered)


@contextmanager
def publishing(scene: Scene) -> Iterator[None]:
    """Admin has sent an agreement to the broker, which has not confirmed it; deposits wait for it as well."""
    levers, town = scene.levers, scene.town
    name = f"accord-{uuid4().hex}"
    with frozen(levers.broker()):
        under_way = scene.deposit()
        with town.archive.administrator() as admin:
            terms = AgreementTerms(town.establishment, name, "Second accord")
            agreement = UUID(create_agreement(admin, terms))
        assert levers.count("SELECT count(*) FROM admin.outbox") > 0
        assert states(levers, under_way) == {"received": len(under_way)}
        yield

    def heard() -> None:
        until(lambda: levers.ask("SELECT 1 FROM ingest.agreement WHERE id = $1", agreement))
        kept = "SELECT version, state FROM storage.holding WHERE id = $1"
        until(lambda: [tuple(row) for row in levers.ask(kept, agreement)] == [(1, "stored")])

    scene.after.append(heard)


MOMENTS: dict[str, Callable[[Scene], AbstractContextManager[None]]] = {
    "ingest": checking,
    "storage": writing,
    "data_management": cataloguing,
    "proof": recording,
    "access": packaging,
    "admin": publishing,
}
