"""The `sip` part of a form, taken out as it streams, however the body is cut."""

from collections.abc import AsyncIterator

import pytest

from services.ingest.multipart import boundary_of, sip_part
from shared.problems import Problem

BOUNDARY = b"----frontiere-7MA4"
# Looks like a boundary, and is not one.
CONTENT = b"PK\x03\x04\r\n--" + BOUNDARY[:-1] + b"\r\n\r\n" + bytes(range(256)) + b"\r\n--"


def a_part(content: bytes, disposition: str, *headers: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *headers, "", ""]
    return b"--" + BOUNDARY + b"\r\n" + "\r\n".join(lines).encode() + content + b"\r\n"


SIP = a_part(CONTENT, 'form-data; name="sip"; filename="versement.zip"', "Content-Type: application/zip")
NOTE = a_part(b"a note", 'form-data; name="note"')
END = b"--" + BOUNDARY + b"--\r\n"


async def read(body: bytes, size: int = 1 << 20, boundary: bytes = BOUNDARY) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    return b"".join([piece async for piece in sip_part(chunks(), boundary)])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("body", [SIP + END, NOTE + SIP + END, SIP + NOTE + END, NOTE + SIP + NOTE + END])
async def test_the_part_is_the_same_bytes_wherever_the_network_cuts_them(body: bytes, size: int) -> None:
    assert await read(body, size) == CONTENT


@pytest.mark.parametrize(
    "disposition",
    ["form-data; name=sip", 'form-data; filename="a; name=b.zip"; name="sip"', 'FORM-DATA; NAME="sip"'],
)
async def test_the_part_is_known_by_its_name_however_that_is_written(disposition: str) -> None:
    assert await read(a_part(CONTENT, disposition) + END) == CONTENT


async def test_an_empty_part_is_no_bytes() -> None:
    assert await read(a_part(b"", 'form-data; name="sip"') + END) == b""


@pytest.mark.parametrize(
    "body",
    [NOTE + END, SIP + SIP + END, END, a_part(CONTENT, 'form-data; name="SIP"') + END],
    ids=["none", "two", "nothing", "another name"],
)
async def test_a_form_has_one_sip_and_only_one(body: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        await read(body)

    assert refusal.value.status == 400
    assert refusal.value.code in {"sip_part_missing", "multipart_malformed"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form at all",
        SIP,
        SIP[:-40],
        SIP + b"--" + BOUNDARY,
        SIP.replace(b"\r\nContent-Type", b"\r\nContent Type", 1) + END,
        b"--another\r\n" + SIP + END,
    ],
    ids=["empty", "text", "no end", "cut in the middle", "cut in the end", "bad header", "other boundary"],
)
async def test_a_form_that_is_broken_or_cut_short_is_a_400(body: bytes) -> None:
    with pytest.raises(Problem) as refusal:
        await read(body)

    assert refusal.value.status == 400


def test_the_boundary_is_read_from_the_content_type() -> None:
    assert boundary_of('multipart/form-data; charset=utf-8; boundary="a b"') == b"a b"
    assert boundary_of("multipart/form-data; boundary=xyz") == b"xyz"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", "", ";;;"])
def test_a_form_without_a_boundary_is_a_400(content_type: str) -> None:
    with pytest.raises(Problem) as refusal:
        boundary_of(content_type)

    assert (refusal.value.status, refusal.value.code) == (400, "multipart_malformed")
