"""The life of signing keys: one for all processes, published before it signs and after, revoked at once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.admin.domain.signing_key import KEPT_PUBLISHED, LEAD, State, states
from services.admin.handlers import keys as handlers
from services.admin.handlers.keys import AlreadyRotating, Rotation
from services.admin.queries import keys as queries
from services.admin.sealing import Seal
from services.admin.signing import Signer
from shared.messages.admin import SigningKeyPublishedV1
from tests.integration.admin.house import SECRET, House
from tests.servers import Databases

pytestmark = pytest.mark.integration

NEXT = "the next secret of the rooms, long enough"
TEST = "operator:test"

# What the version before this one asks: which key it signs with, and which it publishes.
FORMERLY_CURRENT = "SELECT kid FROM admin.signing_key WHERE retired_at IS NULL ORDER BY created_at DESC LIMIT 1"
FORMERLY_PUBLISHED = """SELECT kid FROM admin.signing_key
    WHERE retired_at IS NULL OR retired_at > now() - interval '1 hour'"""


@pytest.fixture(autouse=True)
async def no_keys(databases: Databases) -> None:
    await databases.as_superuser("TRUNCATE admin.signing_key")


def signer(house: House, secret: str = SECRET, *also: str) -> Signer:
    """A process that signs, and looks at the database each time."""
    return Signer(house.database, secret, also=also, reload_seconds=0.0)


async def rotate(house: House, secret: str = SECRET, lead: timedelta = LEAD) -> Rotation:
    async with house.database.begin() as tx:
        return await handlers.rotate(tx, TEST, Seal(secret), lead)


async def revoke(house: House) -> Rotation:
    async with house.database.begin() as tx:
        return await handlers.revoke(tx, TEST, Seal(SECRET))


async def its_turn_comes(databases: Databases, rotation: Rotation) -> None:
    """Let the lead of a key pass."""
    due = "UPDATE admin.signing_key SET signs_from = clock_timestamp() WHERE kid = $1"
    await databases.as_superuser(due, rotation.kid)


async def published(one: Signer) -> set[str]:
    found: Any = (await one.published())["keys"]
    return {key["kid"] for key in found}


async def known_states(house: House) -> dict[str, State]:
    async with house.database.reading() as connection:
        found, at = await queries.every(connection)
    return {key.kid: state for key, state in zip(found, states(found, at), strict=True)}


async def actions(house: House, kid: str) -> list[tuple[str, str]]:
    return [(line.action, line.actor) for line in await house.lines() if line.object == f"key:{kid}"]


async def ask(databases: Databases, statement: str) -> list[str]:
    return [row["kid"] for row in await databases.as_superuser(statement)]


async def test_processes_that_start_together_share_one_key(house: House) -> None:
    signers = [signer(house) for _ in range(5)]

    keys = await asyncio.gather(*(one.key() for one in signers))

    assert len({key.kid for key in keys}) == 1
    assert await published(signers[0]) == {keys[0].kid}


async def test_a_new_key_is_told_with_its_public_half_and_nothing_of_the_other(house: House) -> None:
    first = await signer(house).key()
    rotation = await rotate(house)

    bodies = await house.told(SigningKeyPublishedV1.topic)
    told = {one.kid: one for one in map(SigningKeyPublishedV1.model_validate_json, bodies)}

    assert told.keys() >= {first.kid, rotation.kid}
    assert told[first.kid].jwk == first.jwk
    assert told[rotation.kid].signs_from == rotation.signs_from
    assert told[rotation.kid].published_by == TEST
    assert not any("d" in one.jwk for one in told.values())


async def test_the_private_key_is_kept_encrypted_and_opens_again(house: House, databases: Databases) -> None:
    key = await signer(house).key()

    (row,) = await databases.as_superuser("SELECT pkcs8, jwk FROM admin.signing_key WHERE kid = $1", key.kid)

    assert row["pkcs8"].startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert '"d"' not in row["jwk"]
    assert (await signer(house).key()).kid == key.kid


async def test_a_new_key_is_published_at_once_and_signs_in_every_process_after_its_lead(
    house: House, databases: Databases
) -> None:
    one, other = signer(house), signer(house)
    old = (await one.key()).kid

    rotation = await rotate(house)

    assert await published(other) == {old, rotation.kid}
    assert {(await one.key()).kid, (await other.key()).kid} == {old}
    assert await known_states(house) == {old: State.SIGNING, rotation.kid: State.PUBLISHED}

    await its_turn_comes(databases, rotation)

    assert {(await one.key()).kid, (await other.key()).kid} == {rotation.kid}
    assert await published(one) == await published(other) == {old, rotation.kid}
    assert await known_states(house) == {old: State.RETIRED, rotation.kid: State.SIGNING}
    assert await actions(house, old) == [
        ("signing_key.made", "room:admin"),
        ("signing_key.retired", "room:admin"),
    ]
    assert await actions(house, rotation.kid) == [("signing_key.made", TEST)]


async def test_a_retired_key_keeps_its_public_half_alone_and_is_dropped_later(
    house: House, databases: Databases
) -> None:
    one = signer(house)
    old = (await one.key()).kid
    rotation = await rotate(house)
    await its_turn_comes(databases, rotation)
    await one.key()

    (row,) = await databases.as_superuser("SELECT pkcs8 FROM admin.signing_key WHERE kid = $1", old)
    assert row["pkcs8"] == b""

    later = "UPDATE admin.signing_key SET retired_at = retired_at - $1::interval WHERE kid = $2"
    await databases.as_superuser(later, KEPT_PUBLISHED, old)
    assert await published(one) == {rotation.kid}
    assert (await known_states(house))[old] is State.DROPPED


async def test_a_key_is_not_rotated_while_another_waits_for_its_turn(house: House) -> None:
    await signer(house).key()
    rotation = await rotate(house)

    with pytest.raises(AlreadyRotating) as refused:
        await rotate(house)

    assert (refused.value.kid, refused.value.signs_from) == (rotation.kid, rotation.signs_from)


async def test_where_no_key_signs_yet_the_first_does_at_once(house: House) -> None:
    rotation = await rotate(house)

    assert (await signer(house).key()).kid == rotation.kid


async def test_a_key_may_sign_without_waiting_and_the_one_before_stays_published(house: House) -> None:
    one = signer(house)
    old = (await one.key()).kid

    rotation = await rotate(house, lead=timedelta(0))

    assert (await one.key()).kid == rotation.kid
    assert rotation.retired == (old,)
    assert await published(one) == {old, rotation.kid}


async def test_revoked_keys_are_neither_published_nor_signed_with_whatever_their_state(
    house: House, databases: Databases
) -> None:
    one, other = signer(house), signer(house)
    retired = (await one.key()).kid
    signing = await rotate(house)
    await its_turn_comes(databases, signing)
    await one.key()
    waiting = await rotate(house)

    fresh = await revoke(house)

    gone = {retired, signing.kid, waiting.kid}
    assert set(fresh.revoked) == gone
    assert {(await one.key()).kid, (await other.key()).kid} == {fresh.kid}
    assert await published(other) == {fresh.kid}
    assert await known_states(house) == {**dict.fromkeys(gone, State.REVOKED), fresh.kid: State.SIGNING}
    kept = await ask(databases, "SELECT kid FROM admin.signing_key WHERE pkcs8 <> ''")
    assert kept == [fresh.kid]
    for kid in gone:
        assert (await actions(house, kid))[-1] == ("signing_key.revoked", TEST)


async def test_the_version_before_signs_with_no_key_before_its_turn_and_publishes_it_all_the_same(
    house: House, databases: Databases
) -> None:
    one = signer(house)
    old = (await one.key()).kid
    rotation = await rotate(house)

    assert await ask(databases, FORMERLY_CURRENT) == [old]
    assert set(await ask(databases, FORMERLY_PUBLISHED)) == {old, rotation.kid}

    await its_turn_comes(databases, rotation)
    await one.key()
    assert await ask(databases, FORMERLY_CURRENT) == [rotation.kid]
    assert set(await ask(databases, FORMERLY_PUBLISHED)) == {old, rotation.kid}

    fresh = await revoke(house)
    assert await ask(databases, FORMERLY_CURRENT) == await ask(databases, FORMERLY_PUBLISHED) == [fresh.kid]


async def test_a_key_made_by_the_version_before_is_signed_with_as_it_does(house: House, databases: Databases) -> None:
    one = signer(house)
    old = (await one.key()).kid
    await databases.as_superuser("UPDATE admin.signing_key SET retired_at = now() WHERE retired_at IS NULL")
    copied = """INSERT INTO admin.signing_key (kid, pkcs8, jwk)
        SELECT 'made-before', pkcs8, jwk || '{"kid": "made-before"}' FROM admin.signing_key"""
    await databases.as_superuser(copied)

    assert (await one.key()).kid == "made-before"
    assert await published(one) == {old, "made-before"}


async def test_a_key_is_kept_under_the_secret_of_today_and_opens_with_the_former_one_until_then(
    house: House, databases: Databases
) -> None:
    old = (await signer(house).key()).kid
    waiting = await rotate(house)

    assert (await signer(house, SECRET, NEXT).key()).kid == old  # the first step: the next one is accepted
    assert (await signer(house, NEXT, SECRET).key()).kid == old  # the second: they change places
    rows = await databases.as_superuser("SELECT kid, pkcs8 FROM admin.signing_key")
    assert all(Seal(NEXT).is_under_first(row["kid"], row["pkcs8"]) for row in rows)
    assert (await signer(house, SECRET, NEXT).key()).kid == old  # a process of the first step is still there
    assert (await signer(house, NEXT, SECRET).key()).kid == old
    assert (await signer(house, NEXT).key()).kid == old  # the third: the old one is forgotten

    await its_turn_comes(databases, waiting)
    assert (await signer(house, NEXT).key()).kid == waiting.kid
    assert ("signing_key.sealed_again", "room:admin") in await actions(house, old)


async def test_where_no_secret_opens_the_key_a_new_one_signs_and_the_old_one_still_verifies(house: House) -> None:
    old = (await signer(house).key()).kid
    changed = signer(house, NEXT)

    new = (await changed.key()).kid

    assert new != old
    assert await published(changed) == {old, new}


async def test_processes_whose_secrets_differ_do_not_undo_each_others_keys(house: House) -> None:
    one, other = signer(house), signer(house, NEXT)

    seen = [((await one.key()).kid, (await other.key()).kid) for _ in range(5)]

    assert len(set(seen)) == 1
    assert await published(one) == set(seen[0])


async def test_a_process_stops_signing_with_a_key_that_will_soon_be_dropped_though_it_opens_no_other(
    house: House, databases: Databases
) -> None:
    one, other = signer(house), signer(house, NEXT)
    old = (await one.key()).kid
    await other.key()
    assert (await one.key()).kid == old

    await databases.as_superuser(
        "UPDATE admin.signing_key SET retired_at = now() - interval '31 min' WHERE kid = $1", old
    )

    assert (await one.key()).kid != old
