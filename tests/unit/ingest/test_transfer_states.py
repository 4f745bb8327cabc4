"""A transfer's life leads forward only, and ends accepted or rejected; a dry run's ends judged."""

from itertools import pairwise, product

import pytest

from services.ingest.domain.transfer import NEXT, IllegalStep, TransferState, check_step, has_passed

S = TransferState
ACCEPTED = (S.RECEIVED, S.CHECKING, S.STORING, S.CATALOGUING, S.RECORDING, S.ACCEPTED)
DECIDED = (S.RECEIVED, S.CHECKING, S.AWAITING_DECISION, S.STORING)
LIVES = (ACCEPTED, DECIDED, (S.CHECKING, S.REJECTED), (S.AWAITING_DECISION, S.REJECTED), (S.CHECKING, S.JUDGED))
STEPS = {step for life in LIVES for step in pairwise(life)}


@pytest.mark.parametrize(("state", "following"), sorted(STEPS))
def test_the_steps_of_a_life_are_allowed(state: TransferState, following: TransferState) -> None:
    check_step(state, following)


@pytest.mark.parametrize(("state", "following"), sorted(set(product(S, S)) - STEPS))
def test_no_other_step_is(state: TransferState, following: TransferState) -> None:
    with pytest.raises(IllegalStep, match=f"{state} → {following}"):
        check_step(state, following)


@pytest.mark.parametrize("state", sorted(S))
def test_every_state_leads_somewhere_but_the_ends(state: TransferState) -> None:
    assert (NEXT[state] == frozenset()) == (state in {S.ACCEPTED, S.REJECTED, S.JUDGED})


def test_nothing_is_refused_once_storage_was_asked_for_it() -> None:
    assert {state for state in S if S.REJECTED in NEXT[state]} == {S.CHECKING, S.AWAITING_DECISION}


def test_news_is_old_for_whoever_has_passed_it() -> None:
    for earlier, later in pairwise(ACCEPTED):
        assert has_passed(later, earlier)
        assert not has_passed(earlier, later)
        assert not has_passed(earlier, earlier)


@pytest.mark.parametrize("state", [S.STORING, S.CATALOGUING, S.RECORDING])
def test_no_news_moves_a_refused_transfer(state: TransferState) -> None:
    assert has_passed(S.REJECTED, state)
