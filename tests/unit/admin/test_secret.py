"""Secrets of clients are ours, random, and kept as digests."""

from uuid import uuid4

from services.admin.domain.client import Grant, mandates_of
from services.admin.domain.secret import NOBODY, keep, matches, new_secret
from shared.identity.caller import Mandate
from shared.identity.rights import Role


def test_a_secret_matches_itself_and_nothing_else() -> None:
    secret = new_secret()
    kept = keep(secret)

    assert matches(kept, secret)
    assert not matches(kept, secret[:-1])
    assert not matches(kept, "")
    assert not matches(kept, "é\ud800")


def test_secrets_hold_256_bits_and_need_no_escaping() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len(secrets) == 100
    assert all(len(secret) == 43 and secret.replace("-", "").replace("_", "").isalnum() for secret in secrets)


def test_the_same_secret_is_kept_differently_each_time() -> None:
    assert keep("one").sha256 != keep("one").sha256


def test_nobody_has_a_secret_that_anybody_knows() -> None:
    assert not matches(NOBODY, "")


def test_a_mandate_on_every_establishment_swallows_those_with_the_same_roles() -> None:
    grants = (
        Grant(uuid4(), (Role.READER,)),
        Grant(None, (Role.READER,)),
        Grant(uuid4(), (Role.READER,)),
    )

    assert mandates_of(grants) == (Mandate(frozenset({Role.READER}), None),)
