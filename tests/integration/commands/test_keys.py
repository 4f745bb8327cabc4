"""``keys list`` and ``keys rotate``, given beside admin: what they do, say and leave in the journal."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from services.__main__ import main
from services.admin.signing import Signer
from services.local.postgres import Postgres
from services.local.settings import as_if_told
from shared.messages.journal import JournalLinesV1
from tests.servers import Databases, fresh

pytestmark = pytest.mark.integration

SECRET, NEXT = "x" * 32, "n" * 32


@pytest.fixture(scope="module")
def databases(postgres_server: Postgres) -> Databases:
    return fresh(postgres_server, ("admin", "storage"))


@pytest.fixture(autouse=True)
def beside_admin(databases: Databases) -> Iterator[None]:
    asyncio.run(databases.as_superuser("TRUNCATE admin.signing_key, admin.outbox"))
    with as_if_told({"CHARTRIER_DATABASE_URL": databases.url("admin"), "CHARTRIER_INTERNAL_SECRET": SECRET}):
        yield


def signed_with(databases: Databases, secret: str = SECRET, *also: str) -> str:
    """Return the key that an admin process started now signs with."""

    async def ask() -> str:
        database = databases.room("admin")
        try:
            return (await Signer(database, secret, also=also).key()).kid
        finally:
            await database.engine.dispose()

    return asyncio.run(ask())


def its_turn_comes(databases: Databases, kid: str) -> None:
    due = "UPDATE admin.signing_key SET signs_from = clock_timestamp() WHERE kid = $1"
    asyncio.run(databases.as_superuser(due, kid))


def journaled(databases: Databases) -> list[tuple[str, str, str]]:
    rows = asyncio.run(
        databases.as_superuser(
            "SELECT body FROM admin.outbox WHERE topic = $1 ORDER BY message_id", JournalLinesV1.topic
        )
    )
    lines = [line for row in rows for line in json.loads(row["body"])["lines"]]
    return [(line["action"], line["object"], line["actor"]) for line in lines]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401 (JSON is what it is)
    assert main(["keys", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_rotation_says_when_the_new_key_signs_and_the_list_follows_it(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    old = signed_with(databases)

    assert main(["keys", "rotate"]) == 0
    told = capsys.readouterr().out
    listed = {one["state"]: one for one in said(capsys, "list")}

    new = listed["published"]
    assert listed["signing"]["kid"] == signed_with(databases) == old
    assert f"Key {new['kid']} is published, and signs from {new['signs_from']}" in told
    assert new["drops_at"] is listed["signing"]["drops_at"] is None

    its_turn_comes(databases, new["kid"])
    assert signed_with(databases) == new["kid"]
    listed = {one["kid"]: one for one in said(capsys, "list")}
    assert [listed[kid]["state"] for kid in (old, new["kid"])] == ["retired", "signing"]
    assert listed[old]["drops_at"] > listed[old]["since"]
    assert [listed[kid]["private_half"] for kid in (old, new["kid"])] == ["erased", "today's secret"]


def test_what_was_done_is_journaled_in_the_operators_name(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    made = said(capsys, "rotate")["kid"]
    said(capsys, "list")

    assert journaled(databases) == [
        ("signing_key.made", f"key:{made}", "operator:command"),
        ("signing_key.listed", "keys:signing", "operator:command"),
    ]


def test_before_the_first_token_there_is_no_key_and_the_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "list"]) == 0
    assert "No key yet" in capsys.readouterr().out
    assert said(capsys, "list") == []


def test_a_second_rotation_waits_for_the_first_and_says_until_when(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_with(databases)
    waiting = said(capsys, "rotate")

    assert main(["keys", "rotate"]) == 1

    assert waiting["kid"] in (refusal := capsys.readouterr().err)
    assert waiting["signs_from"] in refusal
    assert "--now --revoke" in refusal


def test_after_a_leak_every_other_key_ends_at_once(databases: Databases, capsys: pytest.CaptureFixture[str]) -> None:
    old = signed_with(databases)
    waiting = said(capsys, "rotate")["kid"]

    assert main(["keys", "rotate", "--now", "--revoke"]) == 0

    told = capsys.readouterr().out
    assert f"Key {old} is revoked." in told
    assert "after 30 s at most (60 s behind a cache)" in told
    listed = {one["kid"]: one["state"] for one in said(capsys, "list")}
    new = signed_with(databases)
    assert listed == {old: "revoked", waiting: "revoked", new: "signing"}


def test_a_key_may_sign_at_once_and_the_operator_is_told_what_that_costs(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    old = signed_with(databases)

    assert main(["keys", "rotate", "--now"]) == 0

    told = capsys.readouterr().out
    assert f"Key {old} signs no more; it stays published for 60 minutes." in told
    assert "For up to 10 s a room may not know the new key" in told


def test_to_revoke_without_now_would_leave_nobody_to_sign(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "rotate", "--revoke"]) == 1
    assert "--now --revoke" in capsys.readouterr().err


def test_the_list_says_which_keys_still_need_the_former_secret(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_with(databases)
    changing = {
        "CHARTRIER_DATABASE_URL": databases.url("admin"),
        "CHARTRIER_INTERNAL_SECRET": NEXT,
        "CHARTRIER_INTERNAL_SECRETS_ALSO": json.dumps([SECRET]),
    }

    with as_if_told(changing):
        assert [one["private_half"] for one in said(capsys, "list")] == ["another secret"]
        assert main(["keys", "list"]) == 0
        assert "Not all private halves are under today's secret" in capsys.readouterr().out
        signed_with(databases, NEXT, SECRET)
        assert [one["private_half"] for one in said(capsys, "list")] == ["today's secret"]
    assert [one["private_half"] for one in said(capsys, "list")] == ["does not open"]  # beside the rooms of before


def test_beside_another_room_the_operator_is_sent_to_admin(
    databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = {"CHARTRIER_DATABASE_URL": databases.url("storage"), "CHARTRIER_INTERNAL_SECRET": SECRET}
    with as_if_told(beside):
        assert main(["keys", "list"]) == 1

    assert "where admin runs" in capsys.readouterr().err
