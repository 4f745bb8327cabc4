"""What a transfer waits for that is neither accepted nor rejected, as far as ingest itself can tell.

its state, whether its AIP is built ─┐
its work, and how that failed last ──┼──► one reason, in French and English
a message about it that died ────────┘
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.ingest.domain.transfer import TransferState


class Wait(StrEnum):
    """A reason to be pending; the codes are stable."""

    TAKING_UP = "taking_up"
    DEAD_LETTER = "dead_letter"
    TURN = "turn"
    CHECKS = "checks"
    BUILDING = "building"
    SCANNER = "scanner"
    TRUST = "trust"
    ROOM = "room"
    STAGING = "staging"
    OTHER_ROOM = "other_room"
    TIME = "time"
    RETRY = "retry"
    SET_ASIDE = "set_aside"
    NO_WORK = "no_work"
    ARCHIVIST = "archivist"
    SITES = "sites"
    CATALOGUE = "catalogue"
    JOURNAL = "journal"


_TEXTS: Final[dict[Wait, tuple[str, str]]] = {
    Wait.TAKING_UP: ("il attend que ses contrôles soient lancés", "it waits for its checks to be set going"),
    Wait.DEAD_LETTER: (
        "un message qui le concerne n’a pas pu être traité ; l’exploitant doit le rejouer",
        "a message about it could not be handled; the operator has to replay it",
    ),
    Wait.TURN: ("il attend son tour", "it waits its turn"),
    Wait.CHECKS: ("ses contrôles sont en cours", "it is being checked"),
    Wait.BUILDING: (
        "son paquet d’information archivé est en construction",
        "its archival information package is being built",
    ),
    Wait.SCANNER: (
        "l’antivirus ne répond pas ; les contrôles seront repris",
        "the antivirus does not answer; the checks will be tried again",
    ),
    Wait.TRUST: (
        "les autorités de confiance pour les signatures ne se lisent plus ; l’exploitant doit les rétablir",
        "the trust anchors for signatures cannot be read any more; the operator has to mend them",
    ),
    Wait.ROOM: ("il n’y a plus de place en zone de transit", "there is no room left in staging"),
    Wait.STAGING: ("la zone de transit ne répond pas", "staging does not answer"),
    Wait.OTHER_ROOM: (
        "une autre partie de l’archive ne répond pas",
        "another part of the archive does not answer",
    ),
    Wait.TIME: (
        "ses contrôles ont pris trop de temps et seront repris",
        "its checks took too long and will be tried again",
    ),
    Wait.RETRY: (
        "la dernière tentative a échoué ; elle sera reprise",
        "the last attempt failed and will be made again",
    ),
    Wait.SET_ASIDE: (
        "l’exploitant a mis son traitement de côté",
        "the operator has set its work aside",
    ),
    Wait.NO_WORK: (
        "rien n’est prévu pour lui ; l’exploitant doit intervenir",
        "nothing is planned for it; the operator has to step in",
    ),
    Wait.ARCHIVIST: ("il attend la décision d’un archiviste", "it awaits an archivist's decision"),
    Wait.SITES: (
        "il attend d’être copié et relu sur tous les sites de conservation",
        "it waits to be copied to all storage sites and read back",
    ),
    Wait.CATALOGUE: ("il attend d’être au catalogue", "it waits to be in the catalogue"),
    Wait.JOURNAL: ("il attend d’être au journal", "it waits to be in the journal"),
}


def wait_text(wait: Wait, language: str) -> str:
    """Say in French or English what is waited for."""
    french, english = _TEXTS[wait]
    return french if language == "fr" else english


@dataclass(frozen=True, slots=True)
class Work:
    """The work there is on a transfer. `error` begins with the class of the last failure, if there was one."""

    is_held: bool
    is_set_aside: bool
    error: str | None


_FAILURES: Final = {
    "ScannerAway": Wait.SCANNER,
    "TrustSpoiled": Wait.TRUST,
    "StoreFull": Wait.ROOM,
    "StoreUnavailable": Wait.STAGING,
    "RoomUnavailable": Wait.OTHER_ROOM,
    "TooSlow": Wait.TIME,
}
"""By class, as `shared.telling.told` writes it; of any other it is said that it failed."""

_ELSEWHERE: Final = {
    TransferState.RECEIVED: Wait.TAKING_UP,
    TransferState.AWAITING_DECISION: Wait.ARCHIVIST,
    TransferState.CATALOGUING: Wait.CATALOGUE,
    TransferState.RECORDING: Wait.JOURNAL,
}
"""States in which somebody else has to act."""


def waits_for(state: TransferState, *, is_built: bool, work: Work | None, has_dead_letter: bool) -> Wait:
    """Return what a pending transfer waits for; a dead letter counts if its news is awaited in this state."""
    if has_dead_letter:
        return Wait.DEAD_LETTER
    if state in _ELSEWHERE:
        return _ELSEWHERE[state]
    if is_built:
        return Wait.SITES
    return Wait.NO_WORK if work is None else _at_work(state, work)


def _at_work(state: TransferState, work: Work) -> Wait:
    if work.is_set_aside:
        return Wait.SET_ASIDE
    if work.is_held:
        return Wait.CHECKS if state is TransferState.CHECKING else Wait.BUILDING
    if work.error is None:
        return Wait.TURN
    return _FAILURES.get(work.error.partition(":")[0], Wait.RETRY)
