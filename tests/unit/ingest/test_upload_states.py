"""An upload's life leads where it should, and its bytes are cut into no more pieces than can be kept in mind."""

import pytest

from services.ingest.domain.upload import GONE, LEAST_PIECE, MOST_PIECES, NEXT, UploadState, origins, piece_size

S = UploadState


def test_every_state_is_reached_from_the_first_and_nothing_follows_the_last() -> None:
    reached, new = {S.RECEIVING}, {S.RECEIVING}
    while new:
        new = set().union(*(NEXT[state] for state in new)) - reached
        reached |= new
    assert reached == set(S)
    assert NEXT[S.TERMINATED] == frozenset()


def test_a_transfer_comes_only_of_what_was_put_together() -> None:
    assert origins(S.COMPLETED) == origins(S.REFUSED) == [S.ASSEMBLING]
    assert origins(S.ASSEMBLING) == [S.RECEIVING]
    assert origins(S.EXPIRED) == [S.RECEIVING]


def test_what_is_being_put_together_cannot_be_taken_back() -> None:
    assert set(origins(S.TERMINATED)) == {S.RECEIVING, S.COMPLETED, S.REFUSED, S.EXPIRED}
    assert not GONE & {S.RECEIVING, S.ASSEMBLING, S.COMPLETED}


@pytest.mark.parametrize("length", [1, LEAST_PIECE, LEAST_PIECE * MOST_PIECES + 1, 1024**5])
def test_one_request_never_makes_more_pieces_than_many_may(length: int) -> None:
    size = piece_size(length)

    assert size >= LEAST_PIECE
    assert -(-length // size) <= MOST_PIECES
