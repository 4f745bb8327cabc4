"""Cursors come back as they went, and words are cut where the index cuts them."""

from uuid import UUID

import pytest

from services.data_management.domain.search import (
    BadCursor,
    Place,
    decode_place,
    encode_place,
    searchable,
)

AIP = UUID("01990000-0000-7000-8000-000000000001")


@pytest.mark.parametrize("rank", [None, 0.0607927106320858, 1e-20])
def test_a_cursor_comes_back_as_it_went(rank: float | None) -> None:
    place = Place(AIP, 41, rank)

    assert decode_place(encode_place(place)) == place


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "bnVsbA", "WzEsMiwzXQ", "W10", encode_place(Place(AIP, 1))[:-3], "AAAA=AAAA"]
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode_place(cursor)


def test_words_joined_by_signs_are_cut_and_exclusions_are_kept() -> None:
    assert searchable("sous-préfet -budget rapport_2024.pdf l’eau") == "sous préfet -budget rapport 2024 pdf l eau"
