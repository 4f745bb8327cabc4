"""Every route of every room: guarded, closed to strangers, and blind to what belongs to another town."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from chartrier_client.administration import Mandate, create_client
from services.rooms import ROOMS
from shared.identity.guard import guarded_routes, permission_of
from shared.identity.rights import Permission
from shared.messaging.local import LocalTransport
from shared.settings import RoomSettings
from tests.e2e.traces import Route, described
from trials.belongings import Belongings, belongings
from trials.towns import Archive, a_package, a_town
from trials.uploading import metadata

pytestmark = pytest.mark.e2e

PUBLIC: frozenset[Route] = frozenset(
    {("POST", "/admin/v1/token"), ("GET", "/admin/v1/jwks.json"), ("GET", "/ingest/v1/findings")}
    | {("OPTIONS", "/ingest/v1/uploads")}
    | {("GET", f"/{room}{path}") for room in ROOMS for path in ("/health/live", "/health/ready", "/metrics")}
)
FOR_WHOEVER_HAS_A_TOKEN: frozenset[Route] = frozenset({("GET", "/admin/v1/rules")})


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[Route, APIRoute]:
    """The routes of every room as the code declares them, shown in its description or not."""
    folder = tmp_path_factory.mktemp("rooms")
    sites = [{"name": name, "kind": "filesystem", "place": name, "path": str(folder / name)} for name in "ab"]
    settings = RoomSettings(
        database_url=SecretStr("postgresql+asyncpg://nobody@/nothing?host=/nowhere"),
        internal_secret=SecretStr("s" * 48),
    )

    async def build() -> dict[Route, APIRoute]:
        found: dict[Route, APIRoute] = {}
        for plan in ROOMS.values():
            room = plan.room(settings, LocalTransport())
            for path, route in guarded_routes(room.app):
                found |= {(method, path): route for method in route.methods or ()}
            for close in room.close:
                await close()
            await room.foundation.calls.close()
        return found

    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("CHARTRIER_HOME", raising=False)
        environment.setenv("CHARTRIER_STAGING_URL", (folder / "staging").as_uri())
        environment.setenv("CHARTRIER_SITES", json.dumps(sites))
        return asyncio.run(build())


def test_every_route_names_its_permission_and_few_are_public(declared: dict[Route, APIRoute]) -> None:
    named = {route: permission_of(endpoint) for route, endpoint in declared.items()}

    assert [route for route, permission in named.items() if permission is None] == []
    assert {route for route, permission in named.items() if permission is Permission.PUBLIC} == PUBLIC
    assert {route for route, permission in named.items() if permission is Permission.SELF} == FOR_WHOEVER_HAS_A_TOKEN


def test_what_runs_is_what_is_declared(archive: Archive, declared: dict[Route, APIRoute]) -> None:
    assert {route for route, _ in described(archive)} == declared.keys()


def test_without_a_token_every_route_that_is_not_public_is_closed(archive: Archive) -> None:
    opened = {}
    with archive.http(None) as http:
        for route, _ in described(archive):
            method, path = route
            answer = http.request(method, path.replace("{", "").replace("}", ""))
            if (answer.status_code == 401) is (route in PUBLIC):
                opened[route] = answer.status_code
    assert opened == {}


@pytest.fixture(scope="module")
def mine(one: Archive, tmp_path_factory: pytest.TempPathFactory) -> Belongings:
    return belongings(one, tmp_path_factory.mktemp("mine"))


@pytest.fixture(scope="module")
def foreign(one: Archive, tmp_path_factory: pytest.TempPathFactory) -> Belongings:
    return belongings(one, tmp_path_factory.mktemp("foreign"))


# What each route with a body is sent, so that only the id can be at fault.
BODIES: dict[Route, dict[str, Any]] = {
    ("POST", "/ingest/v1/transfers/{transfer_id}/decision"): {"decision": "accept"},
    ("PATCH", "/admin/v1/agreements/{reference}"): {"name": "Autre nom"},
    ("PATCH", "/admin/v1/establishments/{reference}"): {"name": "Autre nom"},
    ("PATCH", "/admin/v1/organisations/{reference}"): {"name": "Autre nom"},
    ("PATCH", "/admin/v1/clients/{client_id}"): {"state": "disabled"},
    ("POST", "/admin/v1/clients/{client_id}/secret"): {"overlap_seconds": 0},
    ("PATCH", "/admin/v1/webhooks/{webhook_id}"): {"description": "Autre"},
    ("POST", "/admin/v1/webhooks/{webhook_id}/rotate-secret"): {"overlap_seconds": 0},
    ("POST", "/admin/v1/webhooks/{webhook_id}/replay"): {"since": "2026-01-01T00:00:00Z"},
    ("POST", "/admin/v1/profiles/{profile_id}/versions/{version}/approve"): {},
    ("POST", "/admin/v1/profiles/{profile_id}/versions/{version}/withdraw"): {},
}

HEADERS: dict[str, dict[str, str]] = {
    "/ingest/v1/uploads/{upload_id}": {
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": "1",
    }
}
"""What the routes of a path are sent beside it, for the same reason."""

OF_THE_PLATFORM = ("/proof/v1/seals/{number}", "/proof/v1/renewals/{number}")
"""What no town has: for who has mandates of towns alone it is as if it did not exist, and seal 1 does."""

UPLOAD = ("POST", "/admin/v1/profiles/{profile_id}/versions")
"""Takes bytes, which are none here: refused for that, where it is one's own."""


def references(path: str, owner: Belongings) -> list[str]:
    """What a path's first parameter may be, for what an owner has; an id or, where allowed, an identifier."""
    parameter = path.partition("{")[2].partition("}")[0]
    if parameter != "reference":
        return [owner.ids[parameter]]
    if "/agreements/" in path:
        return [owner.town.agreement, owner.town.agreement_identifier]
    return [owner.town.establishment, owner.town.agreement_identifier.removeprefix("accord-")]


def asked(http: httpx.Client, route: Route, url: str, body: dict[str, Any] | None) -> httpx.Response:
    return http.request(route[0], url, json=body, headers=HEADERS.get(route[1]))


def requests(archive: Archive, owner: Belongings | None) -> Iterator[tuple[Route, str, Any]]:
    """Every request that names what an owner has, or, of nobody, what does not exist."""
    # What is removed is asked for last.
    for route, operation in sorted(described(archive), key=lambda each: each[0][0] == "DELETE"):
        path = route[1]
        if "{" not in path or (owner is not None and path.startswith(OF_THE_PLATFORM)):
            continue
        body = BODIES.get(route)
        assert body is not None or "requestBody" not in operation, f"what would {route} be sent?"
        parameter = path[path.index("{") : path.index("}") + 1]
        # What is counted from 1 names nothing by itself.
        counted = re.sub("{(version|number)}", "1", path) + ("?kind=relaxng" if route == UPLOAD else "")
        for reference in (str(uuid4()), "personne") if owner is None else references(path, owner):
            rest = counted.replace(parameter, reference)
            for name in re.findall(r"{(\w+)}", rest):
                rest = rest.replace(f"{{{name}}}", str(uuid4()) if owner is None else owner.ids[name])
            yield route, rest, body


def test_what_does_not_exist_is_not_found(one: Archive, mine: Belongings) -> None:
    with one.http(mine.every_role) as http:
        found = {
            (route, url): answer.status_code
            for route, url, body in requests(one, None)
            # An id that is not a UUID where only a UUID can be is told so.
            if (answer := asked(http, route, url, body)).status_code != 404
            and not ("personne" in url and "{client_id}" in route[1] and answer.status_code == 422)
        }
    assert found == {}


def test_what_belongs_to_another_town_is_not_found(one: Archive, mine: Belongings, foreign: Belongings) -> None:
    with one.http(mine.every_role) as http:
        answers = {
            (route, url): http.request(route[0], url, json=body, headers=HEADERS.get(route[1]))
            for route, url, body in requests(one, foreign)
        }
    assert len(answers) > 20
    assert {key: answer.status_code for key, answer in answers.items() if answer.status_code != 404} == {}
    unknown = {"type": "urn:chartrier:problem:not_found", "title": "Not Found", "status": 404, "code": "not_found"}
    for (route, _), answer in answers.items():
        if route[0] != "HEAD":
            assert answer.json() == {**unknown, "detail": "Introuvable."}
    with one.http(foreign.every_role) as http:
        agreement = http.get(f"/admin/v1/agreements/{foreign.town.agreement}").json()
        client = http.get(f"/admin/v1/clients/{foreign.ids['client_id']}").json()
    assert (agreement["version"], agreement["state"], client["state"]) == (1, "active", "active")


def test_what_is_ones_own_is_found_by_the_same_requests(one: Archive, mine: Belongings) -> None:
    with one.http(mine.every_role) as http:
        missed = {
            (route, url): answer.status_code
            for route, url, body in requests(one, mine)
            if (answer := asked(http, route, url, body)).status_code not in {200, 202, 204, 409}
            and not (route == UPLOAD and answer.json()["code"] == "profile_empty")
        }
    assert missed == {}


def lists(archive: Archive) -> Iterator[tuple[str, list[str]]]:
    for (method, path), operation in described(archive):
        if method == "GET" and "{" not in path and ("GET", path) not in PUBLIC:
            yield (
                path,
                [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"],
            )


def test_no_list_shows_anything_of_another_town(one: Archive, mine: Belongings, foreign: Belongings) -> None:
    seen = []
    with one.http(mine.every_role) as http:
        for path, _ in lists(one):
            answer = http.get(path)
            assert answer.status_code in {200, 404}, (path, answer.text)
            leaks = [name for name in foreign.named() if name in answer.text]
            assert leaks == [], path
            seen += [path] if mine.town.establishment in answer.text else []
    # These lists are not blind: they show what is one's own.
    assert set(seen) == {
        "/access/v1/units",
        "/admin/v1/agreements",
        "/admin/v1/clients",
        "/admin/v1/establishments",
        "/admin/v1/organisations",
        "/admin/v1/webhooks",
        "/admin/v1/profiles",
        "/data_management/v1/units",
        "/ingest/v1/transfers",
        "/proof/v1/journals",
        "/storage/v1/audits/runs",
    }


# Filters of lists that name something: `/access/v1/units` hands its own on, and describes none.
FILTERS = ("establishment", "aip", "transfer", "parent", "identifier", "q", "cursor", "after")


def test_no_filter_opens_a_list_to_another_town(one: Archive, mine: Belongings, foreign: Belongings) -> None:
    with one.http(mine.every_role) as http:
        for path, parameters in lists(one):
            for name in set(FILTERS) & set(parameters) if path != "/access/v1/units" else FILTERS:
                for value in foreign.named():
                    answer = http.get(path, params={name: value})
                    if answer.status_code == 200 and name not in {"cursor", "after"}:
                        assert answer.json()["items"] == [], (path, name)
                    else:
                        assert answer.status_code in {200, 400, 404, 422}, (path, name, answer.text)
                        hidden = foreign.named() - {value}
                        assert not [one for one in hidden if one in answer.text and one not in value], (path, name)


def orders(foreign: Belongings) -> Iterator[tuple[Route, dict[str, Any], set[int]]]:
    """Every route without an id in its path that changes something, asked to do it elsewhere than at home."""
    abroad = foreign.town.establishment
    rule = {"code": "APP-1", "category": "appraisal", "duration": "P10Y"}
    terms = {"identifier": f"pour-{uuid4().hex}", "name": "Accord"}
    yield ("POST", "/ingest/v1/transfers"), {"params": {"agreement": foreign.town.agreement}, "content": b"x"}, {403}
    told = {"Tus-Resumable": "1.0.0", "Upload-Length": "1", "Upload-Metadata": metadata(foreign.town)}
    yield ("POST", "/ingest/v1/uploads"), {"headers": told}, {403}
    yield ("POST", "/access/v1/dips"), {"json": {"units": [foreign.ids["unit_id"]]}}, {404}
    yield ("POST", "/admin/v1/agreements"), {"json": {"establishment": abroad, **terms}}, {404}
    yield ("POST", "/admin/v1/establishments"), {"json": terms}, {403}
    for place, status in ((abroad, 404), (None, 403)):
        yield ("POST", "/admin/v1/profiles"), {"json": {**terms, "establishment": place}}, {status}
    yield ("POST", "/admin/v1/organisations"), {"json": {**terms, "kind": "control_authority"}}, {403}
    yield ("PUT", "/admin/v1/rules"), {"json": {"rules": [rule]}}, {403, 422}
    for place, status in ((abroad, 404), (None, 403)):
        yield ("POST", "/storage/v1/audits/samples"), {"json": {"count": 1, "establishment": place}}, {status}
    yield ("POST", "/storage/v1/audits/coherence"), {"json": {"site": "site-a"}}, {403}
    webhook = {"url": "https://receiver.invalid/", "events": ["transfer.accepted"], "establishments": [abroad]}
    yield ("POST", "/admin/v1/webhooks"), {"json": webhook}, {404}
    for place, status in ((abroad, 404), ("*", 403)):
        mandate = {"establishment": place, "roles": ["reader"]}
        yield ("POST", "/admin/v1/clients"), {"json": {"name": "Espion", "mandates": [mandate]}}, {status}


def test_nothing_can_be_done_in_another_town(one: Archive, mine: Belongings, foreign: Belongings) -> None:
    asked = set()
    with one.http(mine.every_role) as http:
        for route, options, refused in orders(foreign):
            answer = http.request(*route, **options)
            assert answer.status_code in refused, (route, answer.text)
            asked.add(route)
    changing = {route for route, _ in described(one) if route[0] not in {"GET", "HEAD"} and "{" not in route[1]}
    assert changing - PUBLIC == asked


def test_a_reader_deposits_nothing_and_a_depositor_reads_no_content(one: Archive, mine: Belongings) -> None:
    place, ids = mine.town.establishment, mine.ids
    with one.administrator() as admin:
        roles = ("reader", "depositor", "operator")
        made = {role: create_client(admin, role, [Mandate(place, (role,))]) for role in roles}
    tokens = {role: one.token(client.client_id, client.client_secret) for role, client in made.items()}
    contents = (f"/access/v1/objects/{ids['object_id']}/content", f"/storage/v1/aips/{ids['aip_id']}/content")

    def asked(role: str, method: str, path: str) -> int:
        with one.http(tokens[role]) as http:
            return http.request(method, path, params={"agreement": mine.town.agreement}).status_code

    assert asked("reader", "POST", "/ingest/v1/transfers") == 403
    assert [asked("reader", "GET", path) for path in contents] == [200, 200]
    for role in ("depositor", "operator"):
        assert [asked(role, "GET", path) for path in (*contents, "/access/v1/units")] == [403, 403, 403]
    assert asked("operator", "GET", f"/storage/v1/aips/{ids['aip_id']}/copies") == 200


def test_a_message_of_one_town_does_not_stand_in_the_way_of_another(archive: Archive, tmp_path: Path) -> None:
    package = a_package(tmp_path / "sip.zip")
    accepted = []
    for town in (a_town(archive), a_town(archive)):
        with town.client() as client:
            accepted.append(client.wait(client.deposit(package, town.agreement), 120))

    assert [transfer.state for transfer in accepted] == ["accepted"] * 2
    assert accepted[0].id != accepted[1].id
