"""Containers of lines: how they are called, what a row is, and when a journal has grown by one."""

from itertools import pairwise

import pytest

from services.proof.domain.containers import MOST_LINES, Container, fills_one, place_of, row
from shared.object_store.port import check_key
from tests.builders.journal import ESTABLISHMENT


def a_container(first: int, last: int) -> Container:
    return Container(1, f"archives.{ESTABLISHMENT}", "archives", ESTABLISHMENT, 1, first, last)


def test_a_container_waits_under_a_name_of_its_own_that_every_store_can_hold() -> None:
    key = a_container(1, 5000).staging_key

    assert key == f"journals/archives.{ESTABLISHMENT}.0000000000000001-0000000000005000.ndjson"
    assert check_key(key) == key
    assert place_of(key) == (f"archives.{ESTABLISHMENT}", 1)
    assert place_of("journals/else") is None


def test_a_row_is_the_line_itself_and_a_line_feed() -> None:
    assert row(b'{"a":1}') == b'{"a":1}\n'


@pytest.mark.parametrize("step", [1, 7, MOST_LINES - 1, MOST_LINES, 3 * MOST_LINES + 1])
def test_however_a_journal_grows_no_more_than_a_container_goes_by_unseen(step: int) -> None:
    heads = range(0, 10 * MOST_LINES, step)
    seen = [after for before, after in pairwise(heads) if fills_one(before, after)]

    assert all(after - before < MOST_LINES + step for before, after in pairwise([0, *seen]))
    assert len(seen) <= 10
