"""Statements: all is looked at again; what is altered is named, and what cannot be seen is never called good."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from jwt.utils import base64url_decode
from sqlalchemy import text

from services.local.postgres import Postgres
from services.proof.statements_api import statement_routes
from shared.calls import RoomUnavailable
from shared.identity.rights import Role
from shared.object_store.errors import StoreUnavailable
from shared.readiness import Readiness
from shared.web import room_app
from tests.builders.callers import BASE, a_token, a_verifier
from tests.integration.proof.seals import behind
from tests.integration.proof.witness_stand import AIP, Stand, a_stand, found
from tests.integration.storage.depot import spoil
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("proof", "storage"))


@pytest.fixture
async def stand(databases: Databases, tmp_path: Path) -> AsyncIterator[Stand]:
    async with a_stand(databases, tmp_path) as stand:
        await stand.prove()
        yield stand


async def verdict(stand: Stand) -> str:
    return (await stand.examiner.examine(AIP, 1)).verdict


async def test_of_a_whole_package_every_check_is_ok_and_named(stand: Stand) -> None:
    checks = await stand.checks()

    assert {one["verdict"] for one in checks} == {"ok"}, [one for one in checks if one["verdict"] != "ok"]
    assert [one["source"] for one in checks if one["check"] == "copy.digest"] == ["site:a", "site:b"]
    assert {one["check"] for one in checks} == {
        *("copy.map", "copy.digest", "package.files", "package.group", "leaf.sealed", "seal.token"),
        *("receipt.package", "receipt.line", "acceptance"),
    }
    for one in checks:
        assert one["source"]
        assert one["target"]
        assert one["value"]
    assert await verdict(stand) == "ok"


async def test_an_altered_copy_is_ko_and_named(stand: Stand) -> None:
    spoil(await stand.path_of("b"))

    checks = await stand.checks()

    assert found(checks, "ko") == [("copy.digest", "site:b")]
    (bad,) = [one for one in checks if one["verdict"] == "ko"]
    assert (bad["expected"], bad["reason"]) == (f"{stand.told.sha512} {stand.told.size}", "differs")
    assert bad["value"] != bad["expected"]
    assert await verdict(stand) == "ko"


async def test_a_copy_that_is_gone_is_ko(stand: Stand) -> None:
    (await stand.path_of("a")).unlink()

    assert found(await stand.checks(), "ko") == [("copy.digest", "site:a")]


async def test_while_a_site_is_away_nothing_is_called_good(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("it hangs")

    monkeypatch.setattr(stand.depot.sites["b"].store, "sha512", away)

    assert found(await stand.checks(), "indeterminate") == [("copy.digest", "site:b")]
    assert await verdict(stand) == "indeterminate"


async def test_while_storage_is_away_it_waits(stand: Stand) -> None:
    await stand.databases.as_superuser("ALTER TABLE storage.copy RENAME TO copy_away")
    try:
        with pytest.raises(RoomUnavailable):
            await stand.checks()
    finally:
        await stand.databases.as_superuser("ALTER TABLE storage.copy_away RENAME TO copy")


ALTERED: dict[str, set[str]] = {
    "UPDATE proof.package_group SET sha512 = sha512('x')": {"copy.map", "copy.digest", "receipt.package"},
    "UPDATE proof.seal SET root = sha512('x')": {"leaf.sealed", "seal.token"},
    "UPDATE proof.seal SET body = '{}'": {"leaf.sealed"},
    "UPDATE proof.seal SET leaves = leaves || sha512('x')": {"leaf.sealed"},
    "UPDATE proof.seal SET token = set_byte(token, length(token) / 2, get_byte(token, length(token) / 2) # 1)": {
        "seal.token"
    },
    "UPDATE proof.package_group SET leaf = sha512('x')": {"package.group", "leaf.sealed", "receipt.package"},
    "UPDATE proof.line SET body = body || ' ' WHERE number = 1": {"receipt.line"},
    "DELETE FROM proof.line WHERE number = 2": {"receipt.line", "acceptance"},
}
KEPT = ("package_group", "seal", "line")


async def behind_our_back(stand: Stand, *changes: str) -> None:
    """Change tables past every trigger, as whoever has the database may."""
    await stand.databases.as_superuser(behind("; ".join(changes)))


async def test_whatever_is_altered_behind_our_back_is_ko(stand: Stand) -> None:
    await behind_our_back(stand, *(f"CREATE TABLE public.{name}_kept AS TABLE proof.{name}" for name in KEPT))
    try:
        for change, broken in ALTERED.items():
            await behind_our_back(stand, change)
            assert {check for check, _ in found(await stand.checks(), "ko")} >= broken, change
            assert await verdict(stand) == "ko"
            for name in KEPT:
                back = f"INSERT INTO proof.{name} SELECT * FROM public.{name}_kept"  # noqa: S608 (ours)
                await behind_our_back(stand, f"DELETE FROM proof.{name}", back)  # noqa: S608 (ours)
            assert await verdict(stand) == "ok"
    finally:
        await behind_our_back(stand, *(f"DROP TABLE public.{name}_kept" for name in KEPT))


async def test_seals_beside_it_are_held_to_their_chain(stand: Stand) -> None:
    await stand.ours.seal()
    assert ("seal.chain", "seal:2") in found(await stand.checks(), "ok")

    other = """UPDATE proof.seal SET body = '{"previous":{"number":1,"sha512":"00"}}' WHERE number = 2"""
    await behind_our_back(stand, other)
    assert found(await stand.checks(), "ko") == [("seal.chain", "seal:2")]


async def test_what_is_not_sealed_or_receipted_yet_is_not_called_good(databases: Databases, tmp_path: Path) -> None:
    async with a_stand(databases, tmp_path) as stand:
        await stand.gather()
        checks = await stand.checks()

    assert {check for check, _ in found(checks, "indeterminate")} == {"leaf.sealed", "receipt.package"}
    assert found(checks, "ko") == []


async def test_a_token_of_nobody_whom_we_know_is_not_called_good(stand: Stand) -> None:
    stand.ours.stamper = type(stand.ours.stamper)([], stand.ours.stamper._fetcher)  # noqa: SLF001 (no authority at all)

    assert found(await stand.checks(), "indeterminate") == [("seal.token", "seal:1")]


def client(stand: Stand, role: Role, town: UUID, patience: float = 0.0) -> httpx.AsyncClient:
    app = room_app("proof", statement_routes(stand.database, patience), a_verifier(), Readiness("proof"), nothing)
    headers = {"Authorization": f"Bearer {a_token(role, town)}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, headers=headers)


async def nothing() -> None: ...


async def lines(stand: Stand, action: str) -> list[Any]:
    query = text("SELECT convert_from(body, 'UTF8')::jsonb -> 'lines' FROM outbox WHERE topic = 'journal.lines.v1'")
    async with stand.database.reading() as connection:
        rows = (await connection.scalars(query)).all()
    return [line for row in rows for line in row if line["action"] == action]


async def test_it_is_given_again_by_its_id_and_to_nobody_elsewhere(stand: Stand) -> None:
    place = f"/proof/v1/aips/{AIP}/statement"
    async with client(stand, Role.AUDITOR, stand.town) as http:
        first, second = await http.get(place), await http.get(place)
        assert (first.status_code, second.status_code) == (202, 202)
        # Two who ask share one reading.
        assert first.headers["location"] == second.headers["location"]
        assert await stand.make_statements() == 1
        made, again = await http.get(first.headers["location"]), await http.get(first.headers["location"])

    assert made.status_code == 200
    assert made.content == again.content
    said = made.json()
    assert json.loads(base64url_decode(said["jws"].split(".")[1])) == said["statement"]
    assert (said["statement"]["verdict"], said["statement"]["probative"]) == ("ok", False)
    assert said["statement"]["seal"]["number"] == 1
    (line,) = await lines(stand, "statement.made")
    assert (line["details"]["verdict"], line["details"]["asked_by"]) == ("ok", "client:tests")
    assert len(await lines(stand, "statement.communicated")) == 2

    async with client(stand, Role.AUDITOR, uuid4()) as http:
        for foreign in (place, first.headers["location"]):
            assert (await http.get(foreign)).status_code == 404
    async with client(stand, Role.READER, stand.town) as http:
        assert (await http.get(place)).status_code == 403


async def test_what_is_made_in_time_is_answered_at_once(stand: Stand) -> None:
    async with client(stand, Role.PRODUCER, stand.town, patience=20.0) as http:
        asking = asyncio.create_task(http.get(f"/proof/v1/aips/{AIP}/statement"))
        while await stand.make_statements() == 0:
            await asyncio.sleep(0.02)
        answer = await asking

    assert (answer.status_code, answer.json()["statement"]["verdict"]) == (200, "ok")
