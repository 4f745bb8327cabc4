"""Admin's keys are asked for when one is unknown or they have aged; while it is away, known ones go on working."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.admin.api.token import KEYS_MAX_AGE
from services.admin.domain.signing_key import KEPT_PUBLISHED, LEAD
from services.admin.handlers.tokens import LIFETIME
from services.admin.signing import RELOAD_SECONDS
from shared.calls import RoomUnavailable
from shared.clock import now
from shared.identity import key_set
from shared.identity.key_set import FRESH_SECONDS, REFRESH_SECONDS, STALE_SECONDS, KeysOutOfReach, PublishedKeys
from shared.identity.tokens import AUDIENCE, LEEWAY_SECONDS, InvalidToken, TokenVerifier

ISSUER = "http://archive.test"
SECRET = "rooms-under-test-" + "s" * 32
PRIVATE = {kid: ec.generate_private_key(ec.SECP256R1()) for kid in ("k1", "k2")}


@dataclass
class Clock:
    """A clock that a test moves."""

    at: float = 0.5

    def monotonic(self) -> float:
        return self.at


class Admin:
    """What admin publishes, how often it was asked, and whether it is away."""

    def __init__(self, *kids: str) -> None:
        self.kids = list(kids)
        self.asked = 0
        self.away: Exception | None = None

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.away is not None:
            raise self.away
        as_jwk = jwt.algorithms.ECAlgorithm.to_jwk
        return {"keys": [{**as_jwk(PRIVATE[kid].public_key(), as_dict=True), "kid": kid} for kid in self.kids]}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    started = Clock()
    monkeypatch.setattr(key_set, "time", started)
    return started


def signed(kid: str) -> str:
    claims = {"sub": "c", "iss": ISSUER, "aud": AUDIENCE, "iat": now(), "exp": now() + timedelta(minutes=10)}
    return jwt.encode(claims, PRIVATE[kid], algorithm="ES256", headers={"kid": kid})


@pytest.mark.usefixtures("clock")
async def test_keys_are_asked_for_even_when_the_clock_has_just_started() -> None:
    assert await PublishedKeys(Admin("k1")).find("k1") is not None


async def test_keys_once_known_are_asked_for_again_only_when_they_have_aged(clock: Clock) -> None:
    admin = Admin("k1")
    keys = PublishedKeys(admin)
    for _ in range(3):
        await keys.find("k1")
    assert admin.asked == 1

    clock.at += FRESH_SECONDS
    for _ in range(3):
        await keys.find("k1")
    assert admin.asked == 2


@pytest.mark.usefixtures("clock")
async def test_an_unknown_key_id_asks_admin_once_and_not_for_every_token() -> None:
    admin = Admin("k1")
    keys = PublishedKeys(admin)
    await keys.find("k1")

    assert [await keys.find(f"unknown-{number}") for number in range(5)] == [None] * 5
    assert admin.asked == 1


async def test_a_new_key_is_found_once_the_last_answer_is_old_enough(clock: Clock) -> None:
    admin = Admin("k1")
    keys = PublishedKeys(admin)
    await keys.find("k1")
    admin.kids = ["k1", "k2"]

    assert await keys.find("k2") is None
    clock.at += REFRESH_SECONDS
    assert await keys.find("k2") is not None


@pytest.mark.usefixtures("clock")
async def test_many_who_miss_a_key_at_once_ask_once() -> None:
    admin = Admin("k1")
    keys = PublishedKeys(admin)

    found = await asyncio.gather(*(keys.find("k1") for _ in range(20)))

    assert None not in found
    assert admin.asked == 1


async def test_an_answer_is_as_old_as_its_question(clock: Clock) -> None:
    admin = Admin("k1")

    async def slowly() -> dict[str, Any]:
        answer = await admin()
        clock.at += REFRESH_SECONDS
        return answer

    keys = PublishedKeys(slowly)
    await keys.find("k1")
    admin.kids = ["k1", "k2"]

    assert await keys.find("k2") is not None


async def test_a_key_no_longer_published_takes_its_tokens_along_within_a_bounded_time(clock: Clock) -> None:
    admin = Admin("k1", "k2")
    verifier = TokenVerifier(ISSUER, SECRET, admin)
    tokens = {kid: signed(kid) for kid in ("k1", "k2")}
    for token in tokens.values():
        await verifier.verify(token)
    admin.kids = ["k2"]

    clock.at += FRESH_SECONDS

    assert (await verifier.verify(tokens["k2"])).subject == "client:c"
    with pytest.raises(InvalidToken):
        await verifier.verify(tokens["k1"])


@pytest.mark.parametrize("failure", [RoomUnavailable("admin: 502"), ConnectionRefusedError(), TimeoutError()])
async def test_while_admin_is_away_known_keys_work_for_an_hour(clock: Clock, failure: Exception) -> None:
    admin = Admin("k1")
    verifier = TokenVerifier(ISSUER, SECRET, admin)
    token = signed("k1")
    await verifier.verify(token)
    admin.away = failure

    clock.at += STALE_SECONDS - 1
    for _ in range(5):
        assert (await verifier.verify(token)).subject == "client:c"
    # A request that has what it needs does not wait for an admin that has just not answered.
    assert admin.asked == 2

    clock.at += 1
    with pytest.raises(KeysOutOfReach):
        await verifier.verify(token)
    admin.away = None
    clock.at += REFRESH_SECONDS
    assert (await verifier.verify(token)).subject == "client:c"


async def test_a_key_that_nobody_can_judge_is_not_called_forged(clock: Clock) -> None:
    admin = Admin("k1")
    admin.away = RoomUnavailable("admin: ConnectError")
    keys = PublishedKeys(admin)

    for _ in range(3):
        with pytest.raises(KeysOutOfReach):
            await keys.find("k1")
    assert admin.asked == 1

    admin.away = None
    clock.at += key_set.RETRY_SECONDS
    assert await keys.find("k1") is not None


@pytest.mark.usefixtures("clock")
async def test_an_empty_key_set_is_a_fault_of_admin_and_not_of_tokens() -> None:
    with pytest.raises(KeysOutOfReach):
        await PublishedKeys(Admin()).find("k1")


async def test_an_admin_that_hangs_holds_up_nobody_with_a_known_key(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_set, "PATIENCE_SECONDS", 0.0)
    admin = Admin("k1")
    hanging = False

    async def fetch() -> dict[str, Any]:
        if hanging:
            await asyncio.Event().wait()
        return await admin()

    keys = PublishedKeys(fetch)
    await keys.find("k1")
    hanging = True
    clock.at += FRESH_SECONDS

    assert await keys.find("k1") is not None


def test_a_key_is_published_longer_before_it_signs_than_any_answer_stays_in_use() -> None:
    """A cache between may give an answer `KEYS_MAX_AGE` old, to whoever may not ask again for `REFRESH_SECONDS`."""
    assert LEAD.total_seconds() >= 2 * (KEYS_MAX_AGE + max(REFRESH_SECONDS, FRESH_SECONDS))


def test_a_retired_key_is_published_longer_than_its_last_token_lives() -> None:
    last = LIFETIME.total_seconds() + RELOAD_SECONDS + LEEWAY_SECONDS
    assert KEPT_PUBLISHED.total_seconds() > 2 * last


def test_known_keys_outlive_the_tokens_they_signed_when_admin_is_away() -> None:
    assert LIFETIME.total_seconds() < STALE_SECONDS
