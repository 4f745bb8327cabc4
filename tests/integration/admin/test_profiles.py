"""Archival profiles: uploaded, compiled, approved by another, listed by agreements; and who may do what of it."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.identity.rights import Role
from shared.messages.admin import AgreementPublishedV1, ProfilePublishedV1
from tests.builders.callers import a_token
from tests.builders.profiles import relaxng, transfer, zipped
from tests.integration.admin.house import House

pytestmark = pytest.mark.integration


@pytest.fixture
async def town(house: House) -> dict[str, Any]:
    return await house.establishment()


def archivist(house: House, town: dict[str, Any] | None = None, subject: str = "archivist") -> httpx.AsyncClient:
    establishments = [] if town is None else [UUID(town["id"])]
    return house.caller(a_token(Role.ARCHIVIST, *establishments, subject=subject))


def authority(house: House, town: dict[str, Any] | None = None) -> httpx.AsyncClient:
    establishments = [] if town is None else [UUID(town["id"])]
    return house.caller(a_token(Role.CONTROL_AUTHORITY, *establishments, subject="control"))


async def a_profile(house: House, town: dict[str, Any] | None, identifier: str | None = None) -> str:
    body = {"identifier": identifier or f"PES-{uuid4()}", "name": "PES", "establishment": town and town["id"]}
    answer = await archivist(house, town).post("/admin/v1/profiles", json=body)
    assert answer.status_code == 201, answer.text
    return f"/admin/v1/profiles/{answer.json()['id']}"


async def upload(
    house: House, town: dict[str, Any] | None, profile: str, content: str | bytes | None = None, kind: str = "relaxng"
) -> dict[str, Any]:
    content = relaxng() if content is None else content
    answer = await archivist(house, town).post(f"{profile}/versions", params={"kind": kind}, content=content)
    assert answer.status_code == 201, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


async def approved(house: House, town: dict[str, Any] | None, identifier: str | None = None) -> str:
    profile = await a_profile(house, town, identifier)
    await upload(house, town, profile)
    answer = await authority(house, town).post(f"{profile}/versions/1/approve", json={})
    assert answer.status_code == 200, answer.text
    return profile.rpartition("/")[2]


async def told(house: House, profile: str) -> list[ProfilePublishedV1]:
    said = [ProfilePublishedV1.model_validate_json(body) for body in await house.told(ProfilePublishedV1.topic)]
    return [one for one in said if profile.endswith(str(one.reference.profile))]


async def test_a_profile_is_uploaded_approved_by_another_and_withdrawn(house: House, town: dict[str, Any]) -> None:
    profile, content = await a_profile(house, town), relaxng().encode()

    draft = await upload(house, town, profile, content)
    declaration = {"declared": "AD35/2026/12", "declared_on": "2026-01-10"}
    answer = await authority(house, town).post(f"{profile}/versions/1/approve", json=declaration)
    withdrawn = await authority(house, town).post(f"{profile}/versions/1/withdraw", json={"reason": "remplacé"})

    assert (draft["state"], draft["version"], draft["seda_versions"]) == ("draft", 1, ["2.1"])
    assert draft["sha512"] == hashlib.sha512(content).hexdigest()
    assert answer.json()["approved_by"] == "client:control"
    assert answer.json()["declared_on"] == "2026-01-10"
    assert (withdrawn.json()["state"], withdrawn.json()["reason"]) == ("withdrawn", "remplacé")
    first, second = await told(house, profile)
    assert (first.state, first.revision, first.declared) == ("approved", 1, "AD35/2026/12")
    assert (second.state, second.revision, second.withdrawn_by, second.reason) == (
        *("withdrawn", 2, "client:control"),
        "remplacé",
    )
    assert first.reference == second.reference
    assert first.reference.sha512 == draft["sha512"]
    about = f"profile:{profile.rpartition('/')[2]}"
    lines = [(line.action, line.actor, line.establishment) for line in await house.lines() if line.object == about]
    assert lines == [
        ("profile.created", "client:archivist", UUID(town["id"])),
        ("profile.uploaded", "client:archivist", UUID(town["id"])),
        ("profile.approved", "client:control", UUID(town["id"])),
        ("profile.withdrawn", "client:control", UUID(town["id"])),
    ]


async def test_what_was_withdrawn_by_mistake_is_uploaded_again_as_another_version(
    house: House, town: dict[str, Any]
) -> None:
    profile, content = await a_profile(house, town), relaxng().encode()
    await upload(house, town, profile, content)
    control = authority(house, town)
    await control.post(f"{profile}/versions/1/approve", json={})
    await control.post(f"{profile}/versions/1/withdraw", json={"reason": "erreur"})

    again = await upload(house, town, profile, content)

    assert (again["version"], again["state"]) == (2, "draft")


async def test_content_comes_back_as_it_was_and_is_known_by_its_digest(house: House, town: dict[str, Any]) -> None:
    profile = await a_profile(house, town)
    taken = await upload(house, town, profile)
    reader = house.caller(a_token(Role.DEPOSITOR, UUID(town["id"])))

    answer = await reader.get(f"{profile}/versions/1/content")
    again = await reader.get(f"{profile}/versions/1/content", headers={"If-None-Match": answer.headers["etag"]})

    assert answer.content == relaxng().encode()
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["etag"] == f'"{taken["sha512"]}"'
    assert (again.status_code, again.content) == (304, b"")


async def test_whoever_uploaded_a_version_does_not_approve_it(house: House, town: dict[str, Any]) -> None:
    profile = await a_profile(house, town)
    await upload(house, town, profile)

    answer = await archivist(house, town).post(f"{profile}/versions/1/approve", json={})
    other = await archivist(house, town, subject="another").post(f"{profile}/versions/1/approve", json={})

    assert (answer.status_code, answer.json()["code"]) == (403, "own_version")
    assert other.json()["state"] == "approved"


async def test_steps_have_their_order_and_are_taken_once(house: House, town: dict[str, Any]) -> None:
    profile, cst = await a_profile(house, town), authority(house, town)
    await upload(house, town, profile)

    early = await cst.post(f"{profile}/versions/1/withdraw", json={})
    for _ in range(2):
        assert (await cst.post(f"{profile}/versions/1/approve", json={})).status_code == 200
    for _ in range(2):
        assert (await cst.post(f"{profile}/versions/1/withdraw", json={})).status_code == 200
    late = await cst.post(f"{profile}/versions/1/approve", json={})

    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "profile_state", "draft")
    assert (late.status_code, late.json()["state"]) == (409, "withdrawn")
    assert [one.state for one in await told(house, profile)] == ["approved", "withdrawn"]


async def test_the_same_bytes_again_are_the_same_version(house: House, town: dict[str, Any]) -> None:
    profile, author = await a_profile(house, town), archivist(house, town)
    first = await upload(house, town, profile)

    again = await author.post(f"{profile}/versions?kind=relaxng", content=relaxng())
    other = await upload(house, town, profile, relaxng(level="Item"))

    assert (again.status_code, again.json()) == (200, first)
    assert other["version"] == 2
    listed = (await author.get(f"{profile}/versions")).json()["items"]
    assert [one["version"] for one in listed] == [1, 2]


async def test_uploads_at_one_moment_are_versions_one_after_the_other(house: House, town: dict[str, Any]) -> None:
    profile = await a_profile(house, town)

    taken = await asyncio.gather(upload(house, town, profile), upload(house, town, profile, transfer(), "xsd-1.0"))

    assert sorted(one["version"] for one in taken) == [1, 2]


async def test_an_agreement_lists_approved_versions_which_a_newer_one_does_not_replace(
    house: House, town: dict[str, Any]
) -> None:
    profile = await approved(house, town, "PES_0002")
    wanted = [{"profile": "PES_0002", "version": 1}]

    made = await house.agreement(town["id"], profiles=wanted, profile_required=True)
    await upload(house, town, f"/admin/v1/profiles/{profile}", relaxng(files="many"))
    await authority(house, town).post(f"/admin/v1/profiles/{profile}/versions/2/approve", json={})
    unchanged = (await house.root.get(f"/admin/v1/agreements/{made['id']}")).json()
    newer = [{"profile": profile, "version": 2}]
    changed = await house.root.patch(f"/admin/v1/agreements/{made['id']}", json={"profiles": newer})

    assert made["profile_required"] is True
    assert [(one["identifier"], one["version"], one["kind"]) for one in unchanged["profiles"]] == [
        ("PES_0002", 1, "relaxng")
    ]
    assert [one["version"] for one in changed.json()["profiles"]] == [2]
    published = AgreementPublishedV1.model_validate_json((await house.told(AgreementPublishedV1.topic))[-1])
    assert published.agreement.profiles[0].version == 2


@pytest.mark.parametrize("case", ["draft", "withdrawn", "unknown", "foreign"])
async def test_an_agreement_lists_nothing_else(house: House, town: dict[str, Any], case: str) -> None:
    owner = await house.establishment() if case == "foreign" else town
    profile = await a_profile(house, owner)
    await upload(house, owner, profile)
    if case != "draft":
        await authority(house, owner).post(f"{profile}/versions/1/approve", json={})
    if case == "withdrawn":
        await authority(house, owner).post(f"{profile}/versions/1/withdraw", json={})
    wanted = [{"profile": profile.rpartition("/")[2], "version": 7 if case == "unknown" else 1}]
    body = {"establishment": town["id"], "identifier": f"A-{uuid4()}", "name": "Accord", "profiles": wanted}

    answer = await archivist(house, town).post("/admin/v1/agreements", json=body, headers={"Accept-Language": "en"})

    code = {"draft": "profile_not_approved", "withdrawn": "profile_withdrawn"}.get(case, "profile_unknown")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"] == [{"place": "profiles.0", "code": code}]
    assert ("not approved" if case in {"draft", "withdrawn"} else "not found") in answer.json()["detail"]


async def test_an_agreement_names_a_profile_once_and_requires_only_what_it_lists(
    house: House, town: dict[str, Any]
) -> None:
    one, other = await approved(house, None, "COMMUN"), await approved(house, town, "COMMUN")
    twice = [{"profile": one, "version": 1}, {"profile": other, "version": 1}]
    author = archivist(house, town)
    body = {"establishment": town["id"], "identifier": f"A-{uuid4()}", "name": "Accord"}

    doubled = await author.post("/admin/v1/agreements", json={**body, "profiles": twice})
    empty = await author.post("/admin/v1/agreements", json={**body, "profile_required": True})

    assert (doubled.status_code, doubled.json()["code"]) == (422, "duplicate_profile")
    assert (empty.status_code, empty.json()["code"]) == (422, "no_profile")


async def test_an_identifier_means_the_establishments_own_profile_before_the_platforms(
    house: House, town: dict[str, Any]
) -> None:
    identifier = f"P-{uuid4()}"
    shared_by_all = await approved(house, None, identifier)
    elsewhere = await house.establishment()
    theirs = await house.agreement(elsewhere["id"], profiles=[{"profile": identifier, "version": 1}])
    own = await approved(house, town, identifier)
    ours = await house.agreement(town["id"], profiles=[{"profile": identifier, "version": 1}])

    assert theirs["profiles"][0]["profile"] == shared_by_all
    assert ours["profiles"][0]["profile"] == own
    taken = {"identifier": identifier, "name": "PES", "establishment": town["id"]}
    answer = await archivist(house, town).post("/admin/v1/profiles", json=taken)
    assert (answer.status_code, answer.json()["code"]) == (409, "identifier_taken")


async def test_a_foreign_profile_does_not_exist_and_the_platforms_is_read_only(
    house: House, town: dict[str, Any]
) -> None:
    foreign = await a_profile(house, await house.establishment())
    common = await a_profile(house, None)
    for profile in (foreign, common):
        await upload(house, None, profile)
    mine, cst = archivist(house, town), authority(house, town)

    async def asked(profile: str) -> list[int]:
        answers = [
            await mine.get(profile),
            await mine.get(f"{profile}/versions"),
            await mine.get(f"{profile}/versions/1"),
            await mine.get(f"{profile}/versions/1/content"),
            await mine.post(f"{profile}/versions?kind=relaxng", content=relaxng()),
            await cst.post(f"{profile}/versions/1/approve", json={}),
            await cst.post(f"{profile}/versions/1/withdraw", json={}),
        ]
        return [answer.status_code for answer in answers]

    assert await asked(foreign) == [404] * 7
    assert await asked(common) == [200, 200, 200, 200, 403, 403, 403]
    listed = (await mine.get("/admin/v1/profiles?limit=1000")).json()["items"]
    ids = {f"/admin/v1/profiles/{one['id']}" for one in listed}
    assert common in ids
    assert foreign not in ids
    for_all = await mine.post("/admin/v1/profiles", json={"identifier": "X", "name": "X"})
    assert (for_all.status_code, for_all.json()["code"]) == (403, "platform_only")
    elsewhere = {"identifier": "X", "name": "X", "establishment": str(uuid4())}
    assert (await mine.post("/admin/v1/profiles", json=elsewhere)).status_code == 404
    assert (await cst.post(f"{common}/versions?kind=relaxng", content=relaxng())).status_code == 403


async def test_a_profile_of_several_documents_begins_in_one_of_them(house: House, town: dict[str, Any]) -> None:
    start = '<include href="../b.rng"/>'
    rng = 'xmlns="http://relaxng.org/ns/structure/1.0" ns="fr:gouv:culture:archivesdefrance:seda:v2.2"'
    content = zipped({"main/a.rng": f"<grammar {rng}>{start}</grammar>", "b.rng": relaxng(version="2.2")})
    profile, author = await a_profile(house, town), archivist(house, town)

    nowhere = await author.post(f"{profile}/versions?kind=relaxng", content=content)
    taken = await author.post(f"{profile}/versions?kind=relaxng&entry=main/a.rng", content=content)

    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "entry_unknown")
    assert (taken.status_code, taken.json()["entry"], taken.json()["seda_versions"]) == (201, "main/a.rng", ["2.2"])
    back = await author.get(f"{profile}/versions/1/content")
    assert (back.content, back.headers["content-type"]) == (content, "application/zip")


@pytest.mark.parametrize("number", ["0", "7", "-1", "x", "1" * 20])
async def test_a_version_that_does_not_exist_is_not_found(house: House, town: dict[str, Any], number: str) -> None:
    profile = await a_profile(house, town)
    await upload(house, town, profile)

    assert (await archivist(house, town).get(f"{profile}/versions/{number}")).status_code == 404
    assert (await authority(house, town).post(f"{profile}/versions/{number}/approve", json={})).status_code == 404
