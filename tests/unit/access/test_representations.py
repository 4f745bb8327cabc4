"""Ranges, validators and names as RFC 9110, 9530 and 8187 want them."""

import hashlib

import pytest

from services.access.domain.representation import (
    Part,
    Representation,
    attachment,
    digest_field,
    is_held_already,
    may_be_partial,
    media_type,
    part_asked,
)
from shared.byte_ranges import UnsatisfiableRange

WHOLE = Part(0, 100, whole=True)
PAPER = Representation("ab" * 64, 100, "acte.pdf", "application/pdf")


@pytest.mark.parametrize(
    ("header", "first", "length"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 10),
        ("bytes=90-", 90, 10),
        ("bytes=90-5000", 90, 10),
        ("bytes=-1", 99, 1),
        ("bytes=-500", 0, 100),
        ("Bytes=99-99", 99, 1),
    ],
)
def test_a_range_is_part_of_the_whole(header: str, first: int, length: int) -> None:
    assert part_asked(header, 100) == Part(first, length, whole=False)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=0-1,5-9",
        "lines=0-5",
        "bytes=a-b",
        "bytes=٣-٤",
        "bytes=0-" + "9" * 5000,
    ],
)
def test_no_range_several_or_nonsense_get_the_whole(header: str | None) -> None:
    assert part_asked(header, 100) == WHOLE


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(header: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        part_asked(header, 100)


def test_nothing_has_no_first_byte_but_its_last_bytes_are_nothing() -> None:
    assert part_asked("bytes=-5", 0) == Part(0, 0, whole=True)
    with pytest.raises(UnsatisfiableRange):
        part_asked("bytes=0-", 0)


def test_a_range_says_where_it_stands() -> None:
    assert Part(10, 5, whole=False).content_range(100) == "bytes 10-14/100"


@pytest.mark.parametrize(
    ("header", "held"),
    [
        (None, False),
        ("*", True),
        (PAPER.etag, True),
        (f'"x", W/{PAPER.etag}', True),
        ('"x"', False),
        (PAPER.sha512, False),
    ],
)
def test_a_client_that_holds_the_bytes_is_told_so(header: str | None, held: bool) -> None:
    assert is_held_already(header, PAPER) is held


def test_only_the_very_validator_lets_a_download_be_resumed() -> None:
    assert may_be_partial(None, PAPER)
    assert may_be_partial(PAPER.etag, PAPER)
    for other in ('"x"', f"W/{PAPER.etag}", "Sat, 14 Mar 2026 09:26:53 GMT"):
        assert not may_be_partial(other, PAPER)


def test_a_digest_is_a_structured_field() -> None:
    # The example of RFC 9530, appendix D.
    sha512 = hashlib.sha512(b'{"hello": "world"}\n').hexdigest()

    assert digest_field(sha512) == (
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"
    )


@pytest.mark.parametrize(
    ("filename", "field"),
    [
        ("acte.pdf", "attachment; filename=\"acte.pdf\"; filename*=UTF-8''acte.pdf"),
        (
            "délibération n°7.pdf",
            "attachment; filename=\"deliberation n7.pdf\"; filename*=UTF-8''d%C3%A9lib%C3%A9ration%20n%C2%B07.pdf",
        ),
        ('a"b\r\nX: y', "attachment; filename=\"a_b__X_ y\"; filename*=UTF-8''a_b__X_%20y"),
        ("../../etc/passwd", "attachment; filename=\"_.._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"),
        ("契約", "attachment; filename=\"document\"; filename*=UTF-8''%E5%A5%91%E7%B4%84"),
        ("", "attachment; filename=\"document\"; filename*=UTF-8''document"),
    ],
)
def test_a_filename_is_given_to_old_clients_and_new(filename: str, field: str) -> None:
    assert attachment(filename) == field


@pytest.mark.parametrize(
    ("mime", "given"),
    [
        ("application/pdf", "application/pdf"),
        ("text/xml, application/xml", "text/xml"),
        (None, "application/octet-stream"),
        ("text/html\r\nX: y", "application/octet-stream"),
    ],
)
def test_a_media_type_is_a_media_type_or_bytes(mime: str | None, given: str) -> None:
    assert media_type(mime) == given
