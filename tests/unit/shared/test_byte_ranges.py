"""The Range header, as RFC 9110 (section 14) has it, oddities and all."""

import pytest

from shared.byte_ranges import UnsatisfiableRange, byte_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=2-5", (2, 4)),
        ("bytes=9-9", (9, 1)),
        ("bytes=0-", (0, 10)),
        ("bytes=7-", (7, 3)),
        ("bytes=0-10", (0, 10)),
        ("bytes=8-999999999999", (8, 2)),
        ("bytes=-1", (9, 1)),
        ("bytes=-10", (0, 10)),
        ("bytes=-11", (0, 10)),
        ("bytes=-999999999999", (0, 10)),
        ("bytes=007-008", (7, 2)),
        (" bytes=0-1 ", (0, 2)),
        ("Bytes=0-1", (0, 2)),
    ],
)
def test_one_range_is_that_part_cut_to_what_there_is(header: str, expected: tuple[int, int]) -> None:
    assert byte_range(header, 10) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--1",
        "bytes=5-3",
        "bytes=a-b",
        "bytes=1.5-2",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=1 0-2 0",
        "bytes=0-1,4-5",
        "bytes=0-1,",
        "lines=0-1",
        "0-1",
        "bytes=²-3",
        "bytes=٣-٤",
        "bytes=0-" + "9" * 5000,
        "bytes=-" + "9" * 5000,
    ],
)
def test_what_is_not_one_plain_range_asks_for_the_whole(header: str | None) -> None:
    assert byte_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-0", 0)]
)
def test_a_range_wholly_outside_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableRange):
        byte_range(header, size)


def test_the_last_bytes_of_nothing_are_the_whole_of_it() -> None:
    assert byte_range("bytes=-5", 0) is None
