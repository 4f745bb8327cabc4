"""Roles that a holder of roles may give, and where."""

from uuid import uuid4

import pytest

from services.admin.domain.client import Grant
from services.admin.domain.granting import beyond
from shared.identity.caller import Mandate
from shared.identity.rights import Role

A, B = uuid4(), uuid4()
ABOVE = (Role.ADMINISTRATOR, Role.SECURITY_OFFICER)


def holding(role: Role, *establishments: object) -> Mandate:
    return Mandate(frozenset({role}), frozenset(establishments) or None)  # type: ignore[arg-type]


def test_an_administrator_gives_every_role() -> None:
    assert beyond([holding(Role.ADMINISTRATOR)], [Grant(None, tuple(Role)), Grant(A, tuple(Role))]) == ()


def test_a_security_officer_gives_every_role_but_those_that_give() -> None:
    assert beyond([holding(Role.SECURITY_OFFICER)], [Grant(None, tuple(Role))]) == ABOVE


@pytest.mark.parametrize("role", sorted(set(Role) - set(ABOVE)))
def test_the_others_give_nothing(role: Role) -> None:
    assert beyond([holding(role)], [Grant(A, (Role.READER,))]) == (Role.READER,)


def test_what_one_is_here_gives_nothing_there() -> None:
    held = [holding(Role.ADMINISTRATOR, A), holding(Role.SECURITY_OFFICER, B)]

    assert beyond(held, [Grant(A, ABOVE), Grant(B, (Role.READER,))]) == ()
    assert beyond(held, [Grant(B, ABOVE)]) == ABOVE
    assert beyond(held, [Grant(None, (Role.READER,))]) == (Role.READER,)
