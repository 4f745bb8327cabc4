"""Values no honest program sends, in every place where a value goes: each is told so, none is a bug of ours."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from chartrier_client.administration import Mandate, create_client
from shared.bodies import LONGEST
from shared.identity.rights import Role
from tests.builders.sips import a_container
from tests.e2e.traces import described
from tests.fuzzing.by_chance import MAKERS
from tests.fuzzing.nasty_manifests import NASTY
from trials.towns import Archive, a_package, a_town

pytestmark = pytest.mark.e2e

# As they stand in a URL.
VALUES = ("%00", "a%00b", "%ED%A0%80", "%FF", "9" * 40, "-1", "1e9", "%C3%A9" * 200, "%27%22%3B--", "..%2F..", "%20")
JSON_VALUES: tuple[Any, ...] = (
    "\x00",
    "\ud800",
    "x" * 100_000,
    10**40,
    -1,
    1e308,
    None,
    True,
    [],
    {},
    [[]] * 50,
    [{}],
)
BODIES: tuple[bytes, ...] = (b"", b"{", b"\xff", b"[" * 100_000, b'"\\ud800"', b"NaN", b"1" * 5000, b"{}" * 3)


@pytest.fixture(scope="module")
def token(archive: Archive) -> str:
    """That of a client with every role in one town."""
    town = a_town(archive)
    with archive.administrator() as admin:
        made = create_client(admin, "tous les rôles", [Mandate(town.establishment, tuple(Role))])
    return archive.token(made.client_id, made.client_secret)


def urls(archive: Archive) -> Iterator[tuple[str, str]]:
    """Every operation with each nonsense in its path, then in each of its parameters."""
    for (method, path), operation in described(archive):
        if "{" in path:
            for value in VALUES:
                yield method, f"{path.partition('{')[0]}{value}{path.partition('}')[2]}"
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                for value in VALUES:
                    yield method, f"{path}?{parameter['name']}={value}"


def faults(answers: dict[Any, httpx.Response]) -> dict[Any, str]:
    return {asked: answer.text for asked, answer in answers.items() if answer.status_code >= 500}


def test_nonsense_in_a_url_is_never_our_bug(archive: Archive, token: str) -> None:
    with archive.http(token) as http:
        answers = {(method, url): http.request(method, url) for method, url in urls(archive)}
    assert faults(answers) == {}
    assert len(answers) > 300


def schema_fields(archive: Archive, operation: dict[str, Any], room: str) -> dict[str, Any]:
    taken = operation["requestBody"]["content"]
    if "application/json" not in taken:  # a form, a package
        return {}
    schema = taken["application/json"]["schema"]
    # Of a body that may be one of several, the first.
    body = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
    with archive.http(None) as http:
        schemas = http.get(f"/{room}/openapi.json").json()["components"]["schemas"]
    fields: dict[str, Any] = schemas[body]["properties"]
    return fields


def test_nonsense_in_a_body_is_never_our_bug(one: Archive) -> None:
    answers: dict[Any, httpx.Response] = {}
    with one.http(one.admin_token()) as http:
        for (method, path), operation in described(one):
            if "requestBody" not in operation:
                continue
            url = path.partition("{")[0] + "personne" + path.partition("}")[2] if "{" in path else path
            http.headers["Content-Type"] = "application/json"
            for content in BODIES:
                answers[method, path, content[:20]] = http.request(method, url, content=content)
            fields = schema_fields(one, operation, path.split("/")[1])
            for field in fields:
                for number, value in enumerate(JSON_VALUES):
                    # The others are plausible, so that the one under test is reached.
                    body = {name: plausible(name) for name in fields} | {field: value}
                    content = json.dumps(body).encode()
                    answers[method, path, f"{field} {number}"] = http.request(method, url, content=content)
    assert faults(answers) == {}
    assert len(answers) > 300


def plausible(field: str) -> Any:  # noqa: ANN401 (JSON)
    known: dict[str, Any] = {
        "mandates": [],
        "rules": [],
        "formats": [],
        "units": ["00000000-0000-0000-0000-000000000000"],
        "kind": "control_authority",
        "match_header": "record",
        "unknown_rules": "warn",
        "usages": "lenient",
        "decision": "automatic",
        "state": "active",
    }
    nothing = ("siret", "department", "max_bytes", "max_units", "valid_from", "valid_to", "organisation")
    return None if field in nothing else known.get(field, "un-nom")


def test_a_body_beyond_measure_is_not_read_whoever_sends_it(archive: Archive) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"name": "'
        for _ in range(8 * LONGEST // 2**20):
            yield b"x" * 2**20

    for token in (None, archive.admin_token()):
        for language, words in (("fr", "trop long"), ("en", "too long")):
            with archive.http(token) as http:
                headers = {"Accept-Language": language, "Content-Type": "application/json"}
                answer = http.post("/admin/v1/establishments", content=endless(), headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
            assert words in answer.json()["detail"]


def test_a_method_that_is_not_offered_is_said_so(archive: Archive) -> None:
    with archive.http(None) as http:
        for language, words in (("fr", "n'est pas permise"), ("en", "not allowed")):
            answer = http.delete("/ingest/v1/transfers", headers={"Accept-Language": language})
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
            assert words in answer.json()["detail"]
            unknown = http.get("/nowhere/v1/x", headers={"Accept-Language": language})
            assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
            assert unknown.json()["detail"] == {"fr": "Introuvable.", "en": "Not found."}[language]


def nonsense(folder: Path) -> Iterator[tuple[str, Path]]:
    """Packages that nobody would send: of each kind that chance makes, and some that are all one thing."""
    folder.mkdir()
    for kind, make in MAKERS.items():
        for seed in range(6):
            place = folder / f"{kind} {seed}".replace(" ", "-")
            place.write_bytes(make(Random(f"at the door {seed}")))  # noqa: S311 (no secret)
            yield place.name, place
    for shape in ("elements in one description", "a loop of all units", "an address of combining marks"):
        place = folder / shape.replace(" ", "-")
        yield shape, a_container(place, [("manifest.xml", NASTY[shape](200_000))])


def test_a_package_of_nonsense_is_refused_at_the_door_or_with_findings(one: Archive, tmp_path: Path) -> None:
    town = a_town(one)
    taken: dict[str, str] = {}
    with town.http() as http:
        for name, place in nonsense(tmp_path / "nonsense"):
            headers = {"Content-Type": "application/zip"}
            url = f"/ingest/v1/transfers?agreement={town.agreement}"
            answer = http.post(url, content=place.read_bytes(), headers=headers)
            assert answer.is_success or answer.is_client_error, (name, answer.text)
            if answer.is_success:
                taken[name] = answer.json()["id"]
    assert len(taken) > 30

    with town.client() as client:
        for name, transfer in taken.items():
            ended = client.wait(transfer, 120)
            # Chance may spoil what nobody looks at: such a package is as good as before.
            assert ended.state == "accepted" or any(each.severity == "error" for each in ended.findings), name
        rejected = [name for name, transfer in taken.items() if client.transfer(transfer).state == "rejected"]
        assert len(rejected) > 20
        good = client.wait(client.deposit(a_package(tmp_path / "good.zip"), town.agreement), 120)
    assert good.state == "accepted", good.findings
