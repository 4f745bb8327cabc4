"""Units are found in French, by identifier and by filter, page after page to the end."""

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.identity.rights import Role
from tests.builders.catalogues import SHA512, a_catalogue, a_unit, an_object
from tests.integration.data_management.conftest import As, Load

pytestmark = pytest.mark.integration

UNITS = "/data_management/v1/units"


async def ask(client: httpx.AsyncClient, **query: object) -> dict[str, Any]:
    answer = await client.get(UNITS, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def titles(client: httpx.AsyncClient, **query: object) -> list[str]:
    return [item["title"] for item in (await ask(client, **query))["items"]]


async def test_a_unit_is_shown_with_its_objects(load: Load, seen_by: As) -> None:
    catalogue = a_catalogue(
        [a_unit("fonds", "Fonds"), a_unit("acte", "Acte", parents=["fonds"], objects=["o"], start_date="2024")],
        [an_object("o", "acte.pdf")],
    )
    message = catalogue.message
    await load(catalogue)

    page = await ask(seen_by(Role.READER, message.establishment), q="acte")

    assert (page["total"], page["total_is_exact"], page["next"]) == (1, True, None)
    (item,) = page["items"]
    assert item["id"] == str(catalogue.unit_id("acte"))
    assert item["parents"] == [str(catalogue.unit_id("fonds"))]
    assert (item["level"], item["start_date"], item["end_date"]) == ("Item", "2024", None)
    assert item["establishment"] == str(message.establishment)
    assert (item["aip_id"], item["transfer_id"]) == (str(message.aip_id), str(message.transfer_id))
    (held,) = item["objects"]
    assert held == {
        "id": str(catalogue.object_id("o")),
        "kind": "binary",
        "usage": "BinaryMaster_1",
        "filename": "acte.pdf",
        "size": 4,
        "format": "fmt/18",
        "mime": "application/pdf",
        "digest": SHA512,
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("délibération", True),
        ("DELIBERATIONS", True),
        ("deliberation ecoles", True),
        ("l'école", True),
        ("conseils municipaux", True),
        ('"conseil municipal"', True),
        ('"municipal conseil"', False),
        ("école -travaux", False),
        ("école -budget", True),
        ("sous-préfet", True),
        ("préfet", True),
        ("rapport", True),
        ("rapport_final.pdf", True),
        ("voirie", True),
        ("DEL-2024-017", True),
        ("017", True),
        ("cimetière", False),
        ("cimetière or école", True),
        ("le", False),
        ("'\\ & | ! ( <->", False),
    ],
)
async def test_words_are_found_whatever_their_accents_and_number(
    load: Load, seen_by: As, words: str, found: bool
) -> None:
    unit = a_unit(
        "u",
        "Délibérations du conseil municipal",
        description="Travaux de l’école ; avis du sous-préfet ; rapport_final.pdf, œuvres",
        content={
            "OriginatingAgencyArchiveUnitIdentifier": ["DEL-2024-017"],
            "Keyword": [{"KeywordContent": "Voirie"}],
        },
    )
    catalogue = a_catalogue([unit])
    await load(catalogue)

    page = await ask(seen_by(Role.READER, catalogue.message.establishment), q=words)

    assert page["total"] == int(found)


async def test_a_word_of_the_title_weighs_more_than_one_of_the_description(load: Load, seen_by: As) -> None:
    catalogue = a_catalogue(
        [
            a_unit("a", "Divers", description="Un marché y est évoqué"),
            a_unit("b", "Marché de travaux"),
            a_unit("c", "Dossier", content={"Tag": ["marchés"]}),
        ]
    )
    await load(catalogue)

    found = await titles(seen_by(Role.READER, catalogue.message.establishment), q="marché")

    assert found == ["Marché de travaux", "Dossier", "Divers"]


async def test_an_identifier_is_found_exactly_and_in_any_case(load: Load, seen_by: As) -> None:
    units = [
        a_unit(f"u{number}", f"Acte {number}", content={"SystemId": f"Acte/2024\\é'-{number}"}) for number in (1, 11)
    ]
    catalogue = a_catalogue(units)
    await load(catalogue)
    reader = seen_by(Role.READER, catalogue.message.establishment)

    assert await titles(reader, identifier="acte/2024\\É'-1") == ["Acte 1"]
    assert await titles(reader, identifier="acte/2024\\é'") == []
    assert await titles(reader, identifier="acte/2024\\é'-1", q="acte -11") == ["Acte 1"]


async def test_filters_narrow_a_search(load: Load, seen_by: As) -> None:
    establishment = uuid4()
    first = a_catalogue(
        [
            a_unit("s", "Série", level="Series", start_date="1950", end_date="2019-12"),
            a_unit("d", "Dossier", level="File", parents=["s"], start_date="2015-03-02"),
            a_unit("p", "Pièce", parents=["d"]),
        ],
        establishment=establishment,
    )
    second = a_catalogue([a_unit("x", "Ailleurs")], establishment=establishment)
    await load(first)
    await load(second)
    reader = seen_by(Role.READER, establishment)

    assert await titles(reader) == ["Ailleurs", "Série", "Dossier", "Pièce"]
    assert await titles(reader, level="Series") == ["Série"]
    assert await titles(reader, aip=second.message.aip_id) == ["Ailleurs"]
    assert await titles(reader, transfer=second.message.transfer_id) == ["Ailleurs"]
    assert await titles(reader, parent=first.unit_id("s")) == ["Dossier"]
    assert await titles(reader, start_from="1950-01-01") == ["Série", "Dossier"]
    assert await titles(reader, start_from="1950-01-02") == ["Dossier"]
    assert await titles(reader, end_to="2019-12-30") == ["Dossier"]
    assert await titles(reader, establishment=establishment, q="pièces") == ["Pièce"]
    assert await titles(reader, establishment=uuid4()) == []


async def walk(client: httpx.AsyncClient, path: str, **query: object) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        asked = query | ({"cursor": cursor} if cursor else {})
        page = (await client.get(path, params=asked)).json()  # type: ignore[arg-type]
        seen += [item["title"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return seen


@pytest.mark.parametrize("words", [None, "acte", "acte 7"])
async def test_pages_give_every_unit_once_even_while_others_arrive(
    load: Load, seen_by: As, words: str | None
) -> None:
    establishment = uuid4()
    for _ in range(2):
        units = [a_unit(f"u{n}", f"Acte {n % 9} {uuid4()}") for n in range(23)]
        await load(a_catalogue(units, establishment=establishment))
    reader = seen_by(Role.READER, establishment)
    query = {"q": words} if words else {}
    whole = await titles(reader, limit=200, **query)

    first = await ask(reader, limit=5, **query)
    await load(a_catalogue([a_unit("new", "Acte 7 nouveau")], establishment=establishment))
    rest = await walk(reader, UNITS, limit=5, cursor=first["next"], **query) if first["next"] else []

    seen = [item["title"] for item in first["items"]] + rest
    assert [title for title in seen if title != "Acte 7 nouveau"] == whole


async def test_a_search_with_more_answers_than_can_be_ranked_is_newest_first_and_complete(
    load: Load, seen_by: As
) -> None:
    establishment = uuid4()
    for batch in range(2):
        units = [a_unit(f"u{n}", f"Mandat {batch} {n}") for n in range(1001)]
        await load(a_catalogue(units, establishment=establishment))

    seen = await walk(seen_by(Role.READER, establishment), UNITS, q="mandats", limit=200)

    assert seen == [f"Mandat {batch} {n}" for batch in (1, 0) for n in range(1001)]


@pytest.mark.parametrize("cursor", ["nonsense", "e30", "é", "W10="])
async def test_a_bad_cursor_is_a_problem(seen_by: As, cursor: str) -> None:
    reader = seen_by(Role.READER, uuid4())

    for path in (UNITS, f"{UNITS}/{uuid4()}/children"):
        answer = await reader.get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_children_and_branches_follow_the_order_of_the_deposit(load: Load, seen_by: As) -> None:
    units = [a_unit("r", "racine")]
    units += [a_unit(f"c{n}", f"enfant {n}", parents=["r"]) for n in range(5)]
    units += [a_unit("g", "petit-enfant", parents=["c1", "c3"], content={"Source": "papier"})]
    catalogue = a_catalogue(units)
    await load(catalogue)
    reader = seen_by(Role.READER, catalogue.message.establishment)
    root = f"{UNITS}/{catalogue.unit_id('r')}"

    assert await walk(reader, f"{root}/children", limit=2) == [f"enfant {n}" for n in range(5)]
    assert await walk(reader, f"{UNITS}/{catalogue.unit_id('c3')}/children") == ["petit-enfant"]
    assert await walk(reader, f"{root}/branch", limit=3) == [unit["title"] for unit in units]
    branch = (await reader.get(f"{root}/branch")).json()
    assert (branch["total"], branch["items"][-1]["content"]["Source"]) == (7, "papier")


async def test_a_unit_alone_shows_its_whole_description(load: Load, seen_by: As) -> None:
    rule = {"category": "AccessRule", "rules": [{"code": "ACC-1"}], "final_action": None}
    catalogue = a_catalogue([a_unit("u", rules=[rule], content={"Language": ["fr"]})])
    await load(catalogue)

    unit = (
        await seen_by(Role.READER, catalogue.message.establishment).get(f"{UNITS}/{catalogue.unit_id('u')}")
    ).json()

    assert unit["content"] == {"DescriptionLevel": "Item", "Title": "Délibération", "Language": ["fr"]}
    assert (unit["rules"], unit["xml_id"], unit["depth"]) == ([rule], "u", 0)


async def test_an_object_tells_where_its_bytes_lie(load: Load, seen_by: As) -> None:
    catalogue = a_catalogue([a_unit("u", objects=["o"])], [an_object("o", offset=123_456_789_012)])
    await load(catalogue)
    reader = seen_by(Role.READER, catalogue.message.establishment)

    found = (await reader.get(f"/data_management/v1/objects/{catalogue.object_id('o')}")).json()

    assert (found["offset"], found["size"], found["sha512"]) == (123_456_789_012, 4, SHA512)
    assert (found["aip_id"], found["establishment"]) == (
        str(catalogue.message.aip_id),
        str(catalogue.message.establishment),
    )
    assert found["format"] == {"puid": "fmt/18", "name": "Acrobat PDF 1.4", "mime": "application/pdf"}


async def test_what_is_foreign_is_as_unknown_as_anything(load: Load, seen_by: As) -> None:
    catalogue = a_catalogue([a_unit("u", "Secret", objects=["o"])], [an_object("o")])
    await load(catalogue)
    stranger = seen_by(Role.READER, uuid4())
    unit, held = catalogue.unit_id("u"), catalogue.object_id("o")

    def paths(unit: UUID | str, held: UUID | str) -> list[str]:
        return [
            f"{UNITS}/{unit}",
            f"{UNITS}/{unit}/children",
            f"{UNITS}/{unit}/branch",
            f"/data_management/v1/objects/{held}",
        ]

    for path in (*paths(unit, held), *paths(uuid4(), uuid4()), *paths("x", "x")):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    assert await titles(stranger, q="secret") == []
    assert await titles(stranger, establishment=catalogue.message.establishment) == []
    assert await titles(stranger, parent=unit) == []


async def test_nobody_without_the_right_reads_the_catalogue(seen_by: As) -> None:
    for role in (Role.DEPOSITOR, Role.OPERATOR, Role.AUDITOR):
        assert (await seen_by(role, uuid4()).get(UNITS)).status_code == 403
