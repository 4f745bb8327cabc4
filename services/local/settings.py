"""What an operator may set for the servers of one machine, and the environment their processes inherit."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import Port

# A private server sees these and nothing else: a variable meant for a broker of the system or for an account
# in some cloud must not reach it.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


class LocalSettings(BaseSettings):
    """Where the state lives and on which port the front door answers."""

    model_config = SettingsConfigDict(env_prefix="CHARTRIER_", frozen=True, extra="ignore")

    home: Path = Path(".run")
    port: Port = 8000
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


def server_environment(home: Path) -> dict[str, str]:
    """Return the few variables a server needs, with a HOME of its own: it leaves the operator's alone."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {**kept, "HOME": str(home)}


def room_environment() -> dict[str, str]:
    """Return the operator's environment without its CHARTRIER_ variables: a room is told those one by one."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHARTRIER_")}


def told_by_operator() -> dict[str, str]:
    """Return the CHARTRIER_ variables of the operator's environment: what `make up` passes on to its rooms.

    But for the owner's address, which no room may ever know.
    """
    told = {name: value for name, value in os.environ.items() if name.startswith("CHARTRIER_")}
    told.pop("CHARTRIER_OWNER_DATABASE_URL", None)
    return told


def environment_of_rooms(home: Path, unless_told: Mapping[str, str]) -> dict[str, str]:
    """Return what the rooms of this process are told, as processes of their own would be.

    Their home is ours to say; the rest only where the operator has not said otherwise.
    """
    return {**unless_told, **os.environ, "CHARTRIER_HOME": str(home)}


def tell(home: Path, unless_told: Mapping[str, str]) -> None:
    """Tell the rooms of this process just that."""
    os.environ.update(environment_of_rooms(home, unless_told))


def is_told(name: str) -> bool:
    """Say whether this process was told the variable `name`."""
    return bool(os.environ.get(name))


@contextmanager
def as_if_told(told: Mapping[str, str]) -> Iterator[None]:
    """Be told these CHARTRIER_ variables and no other while the block lasts; told nothing, change nothing."""
    before = {name: value for name, value in os.environ.items() if name.startswith("CHARTRIER_")}
    if told:
        _replace(before, told)
    try:
        yield
    finally:
        if told:
            _replace(told, before)


def _replace(old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for name in old:
        os.environ.pop(name, None)
    os.environ.update(new)
