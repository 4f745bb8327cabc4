"""What a stack remembers of itself from one start to the next: `<home>/stack.json`, mode 600 (it holds secrets)."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.local import files, ports

_FILE = "stack.json"


class ProcessState(BaseModel):
    """One process of one room: where it answers, how it is started, what it is told."""

    model_config = ConfigDict(frozen=True)

    port: int
    command: tuple[str, ...] = ()
    told: dict[str, str] = {}


class State(BaseModel):
    """All that is needed to find and restart the parts of a stack."""

    model_config = ConfigDict(frozen=True)

    port: int
    internal_secret: str
    rooms: dict[str, ProcessState]
    others: dict[str, ProcessState] = {}
    """The processes of a room after its first: `<room>-2` and on."""

    @property
    def all(self) -> dict[str, ProcessState]:
        """Every process of every room."""
        return self.rooms | self.others

    @property
    def ports(self) -> dict[str, int]:
        """Where every process answers."""
        return {name: process.port for name, process in self.all.items()}


def room_of(process: str) -> str:
    """Return the room of a process: `ingest` for `ingest-2`."""
    return process.partition("-")[0]


def read(home: Path) -> State | None:
    """Return what the last start remembered; None where there never was one."""
    try:
        return State.model_validate_json((home / _FILE).read_bytes())
    except FileNotFoundError:
        return None


def write(home: Path, state: State) -> None:
    """Remember this."""
    files.write_private(home / _FILE, state.model_dump_json(indent=1))


def prepared(
    before: State | None, port: int, rooms: tuple[str, ...], processes: int, also: Mapping[str, str]
) -> State:
    """Keep the ports of the last start, and its secret unless the operator gives another; choose those that miss."""
    others = [f"{room}-{number}" for number in range(2, processes + 1) for room in rooms]
    wanted = [*rooms, *others]
    known = {} if before is None else {name: state.port for name, state in before.all.items() if name in wanted}
    missing = [name for name in wanted if name not in known]
    fresh = ports.free_ports(len(missing), taken={port, *known.values()})
    chosen = known | dict(zip(missing, fresh, strict=True))

    def process(name: str) -> ProcessState:
        # Until the start gets that far, what runs is what the last one described.
        return before.all[name] if before is not None and name in known else ProcessState(port=chosen[name])

    kept = secrets.token_urlsafe(32) if before is None else before.internal_secret
    return State(
        port=port,
        internal_secret=also.get("CHARTRIER_INTERNAL_SECRET", kept),
        rooms={name: process(name) for name in rooms},
        others={name: process(name) for name in others},
    )
