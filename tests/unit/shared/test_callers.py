"""Mandates give a scope: everywhere, somewhere, or nowhere at all."""

from uuid import uuid4

import pytest

from shared.identity.caller import Caller, Mandate, Scope, mandates_claim, mandates_of
from shared.identity.rights import Permission, Role

A, B, C = uuid4(), uuid4(), uuid4()


def a_caller(*mandates: Mandate, internal: bool = False) -> Caller:
    return Caller("client:tests", mandates, "token", internal)


def holding(role: Role, *establishments: object) -> Mandate:
    return Mandate(frozenset({role}), frozenset(establishments))  # type: ignore[arg-type]


EVERYWHERE = Mandate(frozenset({Role.AUDITOR}), None)


def test_a_scope_is_the_union_of_the_mandates_that_grant_the_permission() -> None:
    caller = a_caller(holding(Role.DEPOSITOR, A), holding(Role.ARCHIVIST, B), holding(Role.READER, C))

    assert caller.scope(Permission.TRANSFER_READ) == Scope(frozenset({A, B}))
    assert caller.scope(Permission.CATALOGUE_READ) == Scope(frozenset({B, C}))
    assert caller.scope(Permission.TRANSFER_DEPOSIT) == Scope(frozenset({A}))


def test_a_right_held_here_is_not_held_there() -> None:
    scope = a_caller(holding(Role.DEPOSITOR, A)).scope(Permission.TRANSFER_DEPOSIT)

    assert A in scope
    assert B not in scope


def test_one_mandate_for_all_establishments_opens_them_all_for_its_own_rights_only() -> None:
    caller = a_caller(holding(Role.DEPOSITOR, A), EVERYWHERE)

    assert caller.scope(Permission.TRANSFER_READ) == Scope(None)
    assert B in caller.scope(Permission.TRANSFER_READ)
    assert caller.scope(Permission.TRANSFER_DEPOSIT) == Scope(frozenset({A}))


@pytest.mark.parametrize(
    "mandates",
    [(), (holding(Role.DEPOSITOR, A),), (Mandate(frozenset({Role.READER}), frozenset()),), (EVERYWHERE,)],
)
def test_without_a_granting_mandate_the_scope_is_empty_and_false(mandates: tuple[Mandate, ...]) -> None:
    scope = a_caller(*mandates).scope(Permission.CONTENT_READ)

    assert scope == Scope(frozenset())
    assert not scope
    assert A not in scope


def test_a_room_reads_everywhere_what_rooms_need_and_may_do_nothing_else() -> None:
    room = a_caller(internal=True)

    held = {permission for permission in Permission if room.scope(permission)}

    assert held == {
        Permission.SELF,
        Permission.AGREEMENT_READ,
        Permission.CATALOGUE_READ,
        Permission.CONTENT_READ,
        Permission.COPIES_READ,
        Permission.SPACE_READ,
    }
    assert A in room.scope(Permission.CONTENT_READ)


def test_mandates_survive_the_way_through_a_token() -> None:
    mandates = (Mandate(frozenset({Role.READER, Role.DEPOSITOR}), frozenset({A, B})), EVERYWHERE)

    assert mandates_of({"mandates": mandates_claim(mandates)}) == mandates
    assert mandates_of({}) == ()


@pytest.mark.parametrize(
    "claim",
    [
        [{"roles": ["emperor"], "establishments": "*"}],
        [{"roles": ["reader"], "establishments": ["not-a-uuid"]}],
        [{"roles": ["reader"]}],
        [{"establishments": "*"}],
    ],
)
def test_a_claim_that_we_never_wrote_is_refused(claim: object) -> None:
    with pytest.raises((ValueError, KeyError)):
        mandates_of({"mandates": claim})
