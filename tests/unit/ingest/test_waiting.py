"""Whoever waits for a transfer is told for what, in two languages, by what ingest knows of it."""

import pytest

from services.ingest.domain.transfer import NEXT, TransferState
from services.ingest.domain.waiting import Wait, Work, wait_text, waits_for
from services.ingest.slowness import TooSlow
from services.ingest.worker import ScannerAway, TrustSpoiled
from shared.calls import RoomUnavailable
from shared.messaging.outcome import TryAgain
from shared.object_store.errors import StoreFull, StoreUnavailable
from shared.telling import told

_S = TransferState
IDLE = Work(is_held=False, is_set_aside=False, error=None)
HELD = Work(is_held=True, is_set_aside=False, error="TryAgain: the last time")


def wait(state: TransferState, work: Work | None = None, *, is_built: bool = False, has_letter: bool = False) -> Wait:
    return waits_for(state, is_built=is_built, work=work, has_dead_letter=has_letter)


@pytest.mark.parametrize(
    ("state", "work", "is_built", "expected"),
    [
        (_S.RECEIVED, None, False, Wait.TAKING_UP),
        (_S.CHECKING, IDLE, False, Wait.TURN),
        (_S.CHECKING, HELD, False, Wait.CHECKS),
        (_S.CHECKING, None, False, Wait.NO_WORK),
        (_S.AWAITING_DECISION, None, False, Wait.ARCHIVIST),
        (_S.STORING, IDLE, False, Wait.TURN),
        (_S.STORING, HELD, False, Wait.BUILDING),
        (_S.STORING, None, False, Wait.NO_WORK),
        (_S.STORING, None, True, Wait.SITES),
        (_S.CATALOGUING, None, True, Wait.CATALOGUE),
        (_S.RECORDING, None, True, Wait.JOURNAL),
    ],
)
def test_a_state_says_who_has_to_act(state: TransferState, work: Work | None, is_built: bool, expected: Wait) -> None:
    assert wait(state, work, is_built=is_built) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ScannerAway("clamd at clamd:3310: refused"), Wait.SCANNER),
        (TrustSpoiled("root.pem is neither"), Wait.TRUST),
        (StoreFull("sips/1: no room"), Wait.ROOM),
        (StoreUnavailable("staging: away"), Wait.STAGING),
        (RoomUnavailable("admin: away"), Wait.OTHER_ROOM),
        (TooSlow("over 60 s"), Wait.TIME),
        (TryAgain("a child ended"), Wait.RETRY),
        (KeyError("a bug"), Wait.RETRY),
    ],
)
def test_work_that_failed_says_why_as_its_error_was_told(error: Exception, expected: Wait) -> None:
    failed = Work(is_held=False, is_set_aside=False, error=told(error))

    assert wait(_S.CHECKING, failed) is expected


def test_work_that_an_operator_set_aside_waits_for_nothing_else() -> None:
    aside = Work(is_held=False, is_set_aside=True, error="StoreFull: no room")

    assert wait(_S.CHECKING, aside) is Wait.SET_ASIDE


@pytest.mark.parametrize("state", [state for state, following in NEXT.items() if following])
def test_a_dead_letter_goes_before_what_the_state_says(state: TransferState) -> None:
    assert wait(state, HELD, has_letter=True) is Wait.DEAD_LETTER
    assert wait(state, HELD) is not Wait.DEAD_LETTER


@pytest.mark.parametrize("each", Wait)
def test_each_reason_is_told_in_two_languages(each: Wait) -> None:
    french, english = wait_text(each, "fr"), wait_text(each, "en")

    assert french
    assert english
    assert french != english
