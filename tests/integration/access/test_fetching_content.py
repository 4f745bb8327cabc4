"""Content is given whole or in part, verified and journaled; what is foreign is as unknown as anything."""

import base64
import hashlib
from uuid import UUID, uuid4

import httpx
import pytest

from shared.identity.rights import Role
from tests.builders.catalogues import Catalogue, a_catalogue, a_unit, an_object
from tests.integration.access.conftest import House

pytestmark = pytest.mark.integration

PAPER = bytes(range(256)) * 40
OFFSET = 5120
DIGEST = hashlib.sha512(PAPER).hexdigest()
FIELD = f"sha-512=:{base64.b64encode(bytes.fromhex(DIGEST)).decode()}:"


def a_paper(**fields: object) -> Catalogue:
    held = an_object("o", "délibération.pdf", size=len(PAPER), sha512=DIGEST, offset=OFFSET) | fields
    return a_catalogue([a_unit("u", "Délibération", objects=["o"])], [held])


@pytest.fixture
async def paper(house: House) -> Catalogue:
    catalogue = a_paper()
    await house.keep(catalogue, b"\0" * OFFSET + PAPER + b"\0" * 512)
    return catalogue


def content_of(catalogue: Catalogue, xml_id: str = "o") -> str:
    return f"/access/v1/objects/{catalogue.object_id(xml_id)}/content"


def reader_of(house: House, catalogue: Catalogue) -> httpx.AsyncClient:
    return house.seen_by(Role.READER, catalogue.message.establishment)


async def test_a_file_comes_back_bit_for_bit_and_well_described(house: House, paper: Catalogue) -> None:
    async with reader_of(house, paper) as reader:
        answer = await reader.get(content_of(paper))

    assert (answer.status_code, answer.content) == (200, PAPER)
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.headers["content-digest"] == answer.headers["repr-digest"] == FIELD
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "filename*=UTF-8''d%C3%A9lib%C3%A9ration.pdf" in answer.headers["content-disposition"]


async def test_a_range_is_that_part_of_the_file(house: House, paper: Catalogue) -> None:
    async with reader_of(house, paper) as reader:
        answer = await reader.get(content_of(paper), headers={"Range": "bytes=100-299"})

    assert (answer.status_code, answer.content) == (206, PAPER[100:300])
    assert answer.headers["content-range"] == f"bytes 100-299/{len(PAPER)}"
    assert answer.headers["repr-digest"] == FIELD
    assert "content-digest" not in answer.headers
    assert house.shelf.ranges[-1] == f"bytes={OFFSET + 100}-{OFFSET + 299}"


@pytest.mark.parametrize(
    ("headers", "status", "length"),
    [
        ({"Range": "bytes=0-9", "If-Range": f'"{DIGEST}"'}, 206, 10),
        ({"Range": "bytes=0-9", "If-Range": '"another"'}, 200, len(PAPER)),
        ({"Range": "bytes=0-1,4-5"}, 200, len(PAPER)),
        ({"If-None-Match": f'"{DIGEST}"'}, 304, 0),
        ({"If-None-Match": '"another"'}, 200, len(PAPER)),
    ],
)
async def test_conditions_are_respected(
    house: House, paper: Catalogue, headers: dict[str, str], status: int, length: int
) -> None:
    async with reader_of(house, paper) as reader:
        answer = await reader.get(content_of(paper), headers=headers)

    assert (answer.status_code, len(answer.content)) == (status, length)


async def test_a_range_beyond_the_end_is_a_problem_that_tells_the_size(house: House, paper: Catalogue) -> None:
    async with reader_of(house, paper) as reader:
        answer = await reader.get(content_of(paper), headers={"Range": f"bytes={len(PAPER)}-"})

    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(PAPER)}"


async def test_head_describes_and_communicates_nothing(house: House, paper: Catalogue) -> None:
    async with reader_of(house, paper) as reader:
        answer = await reader.head(content_of(paper))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(PAPER))
    assert answer.headers["repr-digest"] == FIELD
    assert house.shelf.ranges == []
    assert await house.lines_about(f"object:{paper.object_id('o')}") == []


async def test_an_empty_file_is_given_without_asking_storage(house: House) -> None:
    empty = a_paper(size=0, sha512=hashlib.sha512(b"").hexdigest())
    await house.keep(empty, b"")

    async with reader_of(house, empty) as reader:
        answer = await reader.get(content_of(empty))

    assert (answer.status_code, answer.content, house.shelf.ranges) == (200, b"", [])


async def test_each_communication_and_each_refusal_is_one_line(house: House, paper: Catalogue) -> None:
    """PRV-13."""
    subject = f"object:{paper.object_id('o')}"
    async with reader_of(house, paper) as reader, house.seen_by(Role.READER, uuid4(), subject="x") as stranger:
        await reader.get(content_of(paper), headers={"Range": "bytes=5-9"})
        refused = await stranger.get(content_of(paper))

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    given, denied = await house.lines_about(subject)
    assert (given["action"], given["actor"], given["outcome"]) == ("content.communicated", "client:tests", "ok")
    assert given["kind"] == denied["kind"] == "archives"
    assert given["establishment"] == str(paper.message.establishment)
    assert given["details"] == {"sha512": DIGEST, "first": 5, "length": 5}
    assert (denied["action"], denied["actor"], denied["outcome"]) == ("content.refused", "client:x", "ko")
    assert denied["establishment"] is None


async def test_unknown_foreign_and_malformed_ids_answer_alike(house: House, paper: Catalogue) -> None:
    async with house.seen_by(Role.READER, uuid4()) as stranger:
        answers = [
            await stranger.get(f"/access/v1/objects/{identifier}/content")
            for identifier in (paper.object_id("o"), uuid4(), "nonsense")
        ]

    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert answers[0].status_code == 404


async def test_who_may_read_descriptions_only_gets_no_content(house: House, paper: Catalogue) -> None:
    authority = house.seen_by(Role.CONTROL_AUTHORITY, paper.message.establishment)
    async with authority:
        assert (await authority.get(f"/access/v1/units/{paper.unit_id('u')}")).status_code == 200
        assert (await authority.get(content_of(paper))).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9000"}])
async def test_a_source_cut_in_the_middle_breaks_the_connection(
    house: House, paper: Catalogue, headers: dict[str, str]
) -> None:
    house.shelf.cut_after = 4000

    async with reader_of(house, paper) as reader:
        with pytest.raises(httpx.RemoteProtocolError):
            await reader.get(content_of(paper), headers=headers)


async def test_bytes_that_are_not_those_recorded_are_never_given_whole(house: House) -> None:
    altered = a_paper(sha512="ab" * 64)
    await house.keep(altered, b"\0" * OFFSET + PAPER)

    async with reader_of(house, altered) as reader:
        with pytest.raises(httpx.RemoteProtocolError):
            await reader.get(content_of(altered))


async def test_storage_away_is_said_and_nothing_is_journaled_as_given(house: House, paper: Catalogue) -> None:
    house.shelf.away = True

    async with reader_of(house, paper) as reader:
        answer = await reader.get(content_of(paper))

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert await house.lines_about(f"object:{paper.object_id('o')}") == []


async def test_search_units_and_children_are_those_of_the_catalogue(house: House) -> None:
    units = [a_unit("r", "Registre des délibérations"), a_unit("u", "Séance de mai", parents=["r"])]
    catalogue = a_catalogue(units)
    await house.keep(catalogue, b"")
    root = f"/access/v1/units/{catalogue.unit_id('r')}"

    async with reader_of(house, catalogue) as reader:
        found = (await reader.get("/access/v1/units", params={"q": "deliberation", "limit": 1})).json()
        assert [item["id"] for item in found["items"]] == [str(catalogue.unit_id("r"))]
        assert (found["total"], found["next"]) == (1, None)
        assert (await reader.get(root)).json()["content"]["Title"] == "Registre des délibérations"
        children = (await reader.get(f"{root}/children")).json()
        assert [item["title"] for item in children["items"]] == ["Séance de mai"]
        bad = await reader.get("/access/v1/units", params={"cursor": "nonsense"})
        assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")

    async with house.seen_by(Role.READER, UUID(int=1)) as stranger:
        for path in (root, f"{root}/children", "/access/v1/units/nonsense"):
            assert (await stranger.get(path)).status_code == 404
