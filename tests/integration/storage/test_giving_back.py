"""Where the copies are, and the bytes themselves: from the first site that can give them."""

from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest

from services.storage.api import Storage, router
from services.storage.space import site_spaces
from shared.identity.rights import Role
from shared.messages.ingest import AipBuiltV1
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.storage.conftest import OpenDepot
from tests.integration.storage.depot import Depot, overwrite

pytestmark = pytest.mark.integration

CONTENT = b"0123456789" * 20_000


async def nothing() -> None: ...


async def ask(
    depot: Depot, path: str, role: Role, establishment: UUID | None = None, **headers: str
) -> httpx.Response:
    app = room_app("storage", router, a_verifier(), Readiness("storage"), nothing)
    app.state.storage = Storage(depot.database, depot.sites, site_spaces(depot.database, depot.sites))
    token = a_token(role, *([establishment] if establishment else []))
    headers = {"Authorization": f"Bearer {token}", **headers}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers) as client:
        return await client.get(f"/storage/v1/aips/{path}")


async def content(depot: Depot, aip: AipBuiltV1, **headers: str) -> httpx.Response:
    return await ask(depot, f"{aip.aip_id}/content", Role.READER, aip.establishment, **headers)


@pytest.fixture
async def aip(depot: Depot) -> AipBuiltV1:
    """An AIP on both folders."""
    message = await depot.hand_over(CONTENT)
    await depot.work_off()
    return message


async def test_copies_say_where_they_are_and_when_they_were_read_back(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")
    message = await depot.hand_over(CONTENT)
    await depot.write()
    before = (await ask(depot, f"{message.aip_id}/copies", Role.ARCHIVIST, message.establishment)).json()
    await depot.verify()

    told = (await ask(depot, f"{message.aip_id}/copies", Role.ARCHIVIST, message.establishment)).json()

    copies = await depot.copies(message.aip_id)
    assert [(copy["state"], copy["sha512"], copy["verified_at"]) for copy in before["copies"]] == [
        ("written", None, None)
    ] * 2
    assert {name: told[name] for name in ("aip_id", "version", "state", "sha512", "size")} == {
        "aip_id": str(message.aip_id),
        "version": 1,
        "state": "stored",
        "sha512": message.sha512,
        "size": len(CONTENT),
    }
    assert [(copy["site"], copy["place"], copy["state"], copy["sha512"]) for copy in told["copies"]] == [
        ("a", "Rennes, salle A", "verified", message.sha512),
        ("b", "Brest, salle B", "verified", message.sha512),
    ]
    for copy in told["copies"]:
        known = copies[copy["site"]]
        assert (copy["key"], copy["version_id"]) == (known.key, known.version_id)
        assert copy["version_id"]
        assert copy["verified_at"].endswith("Z")


async def test_the_whole_is_given_with_its_digest_as_name(depot: Depot, aip: AipBuiltV1) -> None:
    answer = await content(depot, aip)

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["etag"] == f'"{aip.sha512}"'
    assert (answer.headers["content-length"], answer.headers["accept-ranges"]) == (str(len(CONTENT)), "bytes")
    assert answer.headers["content-type"] == "application/x-tar"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=1234-150000", (1234, 150_001)),
        ("bytes=199999-", (199_999, 200_000)),
        ("bytes=-7", (199_993, 200_000)),
        ("bytes=199000-999999", (199_000, 200_000)),
    ],
)
async def test_a_range_is_that_range(depot: Depot, aip: AipBuiltV1, asked: str, expected: tuple[int, int]) -> None:
    answer = await content(depot, aip, Range=asked)

    start, end = expected
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


async def test_a_range_of_a_copy_in_a_bucket_is_that_range(open_depot: OpenDepot) -> None:
    depot = await open_depot("buckets")
    message = await depot.hand_over(CONTENT)
    await depot.work_off()

    answer = await content(depot, message, Range="bytes=1234-150000")

    assert (answer.status_code, answer.content) == (206, CONTENT[1234:150_001])


async def test_a_range_outside_is_a_416_that_says_the_size(depot: Depot, aip: AipBuiltV1) -> None:
    answer = await content(depot, aip, Range="bytes=200000-")

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */200000")
    assert answer.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize("accident", ["lost", "cut short", "unmounted", "no longer declared"])
async def test_when_one_site_cannot_the_other_gives_the_bytes(depot: Depot, aip: AipBuiltV1, accident: str) -> None:
    path = depot.file("a", (await depot.holding(aip.aip_id)).key)
    if accident == "lost":
        path.unlink()
    elif accident == "cut short":
        overwrite(path, CONTENT[:1000])
    elif accident == "unmounted":
        root = depot.file("a", "x").parent
        root.rename(root.with_name("unmounted"))
    else:
        depot = replace(depot, sites={"b": depot.sites["b"]})

    whole, part = await content(depot, aip), await content(depot, aip, Range="bytes=5000-5009")

    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert (part.status_code, part.content) == (206, CONTENT[5000:5010])


async def test_when_no_site_can_it_is_a_503_to_come_back_from(depot: Depot, aip: AipBuiltV1) -> None:
    for site in depot.sites:
        root = depot.file(site, "x").parent
        root.rename(root.with_name(f"unmounted-{site}"))

    answer = await content(depot, aip)

    assert (answer.status_code, answer.json()["code"]) == (503, "no_site_answers")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_copy_that_was_not_read_back_is_not_given(depot: Depot) -> None:
    message = await depot.hand_over(CONTENT)
    await depot.write()

    assert (await content(depot, message)).status_code == 503


@pytest.mark.parametrize("what", ["content", "copies"])
async def test_a_foreign_or_unknown_aip_is_as_unknown_as_any_other(depot: Depot, aip: AipBuiltV1, what: str) -> None:
    answers = [
        await ask(depot, f"{aip.aip_id}/{what}", Role.ARCHIVIST, uuid4()),
        await ask(depot, f"{uuid4()}/{what}", Role.ARCHIVIST, aip.establishment),
        await ask(depot, f"not-an-id/{what}", Role.ARCHIVIST, aip.establishment),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


async def test_whoever_runs_the_sites_reads_where_copies_are_and_never_what_is_in_them(
    depot: Depot, aip: AipBuiltV1
) -> None:
    copies = await ask(depot, f"{aip.aip_id}/copies", Role.OPERATOR, aip.establishment)
    bytes_asked = await ask(depot, f"{aip.aip_id}/content", Role.OPERATOR, aip.establishment)

    assert (copies.status_code, bytes_asked.status_code) == (200, 403)
