"""Whether what an operator says is right for every room, found out before `make up` touches what runs."""

from pathlib import Path

from pydantic_settings import BaseSettings

from services.local import room_settings
from services.local.settings import LocalSettings, told_by_operator
from services.rooms import ROOMS
from shared import configuration
from shared.settings import ProcessSettings

CLASSES: tuple[type[BaseSettings], ...] = (LocalSettings, ProcessSettings, *(plan.own for plan in ROOMS.values()))
"""All settings that somebody reads in a full stack."""


def require_right() -> None:
    """Return if every room can start with what this environment says; else name all that is wrong, exit with 78."""
    if faults := wrong():
        configuration.refuse(*map(str, faults), *configuration.slips(CLASSES))


def wrong() -> list[configuration.Fault]:
    """Return every fault in this environment, each once; of what `make up` chooses itself none is."""
    also = told_by_operator()
    # Where is of no account here, and CHARTRIER_HOME may itself be among the faults.
    around = room_settings.likely(Path("/"), also)
    faults = configuration.faults_of((LocalSettings,))
    for room, plan in ROOMS.items():
        told = room_settings.of_room(room, around)
        faults += configuration.faults_of((ProcessSettings, plan.own), told)
    return list(dict.fromkeys(faults))
