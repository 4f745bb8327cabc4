"""Profiles that nobody can use: refused with their reason in both languages; hostile ones keep nobody waiting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.admin.settings import AdminSettings
from shared.identity.rights import Role
from tests.builders.callers import a_token
from tests.builders.profiles import SEDA, relaxng, transfer, xsd, zipped
from tests.integration.admin.house import House, open_house
from tests.servers import Databases

pytestmark = pytest.mark.integration

RNG = f'xmlns="http://relaxng.org/ns/structure/1.0" ns="{SEDA.format("2.1")}"'


def doubling_pattern(levels: int = 40) -> str:
    """RELAX NG in which each pattern is the next one twice: libxml2 looks at two to the power of `levels` of them."""
    doubled = "".join(
        f'<define name="d{level}"><group>{f"""<ref name="d{level + 1}"/>""" * 2}</group></define>'
        for level in range(levels)
    )
    start = '<start><element name="a"><ref name="d0"/></element></start>'
    return f'<grammar {RNG}>{start}{doubled}<define name="d{levels}"><empty/></define></grammar>'


def doubling_group(levels: int = 40) -> str:
    """XSD in which each group is the next one twice."""
    doubled = "".join(
        f'<xs:group name="g{level}"><xs:sequence>{f"""<xs:group ref="g{level + 1}"/>""" * 2}</xs:sequence></xs:group>'
        for level in range(levels)
    )
    last = f'<xs:group name="g{levels}"><xs:sequence><xs:element name="e" type="xs:string"/></xs:sequence></xs:group>'
    root = '<xs:element name="a"><xs:complexType><xs:group ref="g0"/></xs:complexType></xs:element>'
    return xsd(root + doubled + last)


@pytest.fixture
async def hasty(databases: Databases) -> AsyncIterator[House]:
    """Admin that gives a profile two seconds, and little room."""
    opened = await open_house(databases, AdminSettings(profile_compile_seconds=2, profile_upload_bytes=50_000))
    yield opened
    await opened.close()


async def a_profile(house: House) -> tuple[httpx.AsyncClient, str]:
    author = house.caller(a_token(Role.ARCHIVIST))
    made = await author.post("/admin/v1/profiles", json={"identifier": f"P-{uuid4()}", "name": "P"})
    return author, f"/admin/v1/profiles/{made.json()['id']}/versions"


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize(
    ("kind", "content"), [("relaxng", doubling_pattern()), ("xsd-1.0", doubling_group())], ids=["relaxng", "xsd-1.0"]
)
async def test_a_profile_that_compiles_for_ever_is_given_up_and_admin_answers_meanwhile(
    hasty: House, kind: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    author, versions = await a_profile(hasty)

    trying = asyncio.ensure_future(author.post(f"{versions}?kind={kind}", content=content))
    others = [await author.get(versions) for _ in range(2)]
    waited_for = not trying.done()
    answer = await trying

    assert waited_for
    assert [each.status_code for each in others] == [200] * 2
    assert (answer.status_code, answer.json()["code"]) == (422, "profile_too_costly")
    assert answer.json()["detail"].endswith(
        "Ce profil demande trop de temps (plus de 2 s) ou de mémoire pour être compilé."
    )
    assert (await author.get(versions)).json()["items"] == []
    assert left_in(tmp_path) == []


async def test_a_profile_that_does_not_compile_is_refused_with_its_place_in_both_languages(house: House) -> None:
    author, versions = await a_profile(house)
    content = f'<grammar {RNG}>\n<start><ref name="absent"/></start></grammar>'

    answers = [
        await author.post(f"{versions}?kind=relaxng", content=content, headers={"Accept-Language": language})
        for language in ("fr", "en")
    ]

    reason = "Reference absent has no matching definition"
    assert [each.json()["detail"] for each in answers] == [
        f"profile.xml:2 : Le profil ne se compile pas : {reason}",
        f"profile.xml:2: The profile does not compile: {reason}",
    ]
    problem = answers[0].json()
    assert (answers[0].status_code, problem["code"], problem["line"]) == (422, "profile_not_compiled", 2)
    assert problem["errors"] == [{"place": "profile.xml:2", "code": "profile_not_compiled"}]


async def test_what_is_sent_and_what_it_expands_to_are_bounded(hasty: House) -> None:
    author, versions = await a_profile(hasty)
    body = b"<a>" + b"x" * 60_000 + b"</a>"

    sent = await author.post(f"{versions}?kind=relaxng", content=body)
    expanded = await author.post(f"{versions}?kind=relaxng", content=zipped({"a.rng": body}))

    assert (sent.status_code, sent.json()["code"], sent.json()["limit"]) == (413, "profile_too_large", 50_000)
    assert (expanded.status_code, expanded.json()["code"]) == (422, "profile_too_large")


async def test_an_unknown_kind_is_no_kind(house: House) -> None:
    author, versions = await a_profile(house)

    answers = [
        await author.post(f"{versions}?kind=rnc", content=relaxng()),
        await author.post(versions, content=relaxng()),
        await author.post(f"{versions}?kind=xsd-1.0", content=relaxng()),
        await author.post(f"{versions}?kind=relaxng", content=transfer()),
    ]

    assert [each.status_code for each in answers] == [422] * 4
    assert [each.json()["code"] for each in answers[2:]] == ["profile_of_other_kind"] * 2


UNNAMABLE = ["", " X", "X\n", "x" * 129, "0198c9a4-5b1e-7cc3-8a56-0d6f1e2a3b4c"]


@pytest.mark.parametrize("identifier", UNNAMABLE, ids=range(5))
async def test_an_identifier_is_one_that_a_manifest_can_name(house: House, identifier: str) -> None:
    author = house.caller(a_token(Role.ARCHIVIST))

    answer = await author.post("/admin/v1/profiles", json={"identifier": identifier, "name": "P"})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_identifier")
