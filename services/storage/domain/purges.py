"""The life of one order to purge, and what may keep it waiting.

    ORDERED ──┬──────────────────────────────▶ DELETING ──▶ DONE       the whole AIP
              └──▶ REWRITING ──▶ RELEASING ──────────────▶ DONE       some of its units
                       └──▶ REFUSED                                   units that cannot go

While it is rewriting nothing was deleted yet: the version without the units has to be proven on every site first
(releasing). Whoever writes it may find that the order cannot be carried out: that is its end too, and says why.
From the first deletion on an order never fails: what stands in its way is named (`Wait`), and waited for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import rfc8785

from services.storage.domain.holdings import Holding
from shared.checksums import sha512_of
from shared.messages.admin import PurgeOrderedV1


class PurgeState(StrEnum):
    """How far an order has come."""

    ORDERED = "ordered"
    REWRITING = "rewriting"
    RELEASING = "releasing"
    DELETING = "deleting"
    DONE = "done"
    REFUSED = "refused"


_S = PurgeState

NEXT: dict[PurgeState, frozenset[PurgeState]] = {
    _S.ORDERED: frozenset({_S.REWRITING, _S.DELETING}),
    _S.REWRITING: frozenset({_S.RELEASING, _S.REFUSED}),
    _S.RELEASING: frozenset({_S.DONE}),
    _S.DELETING: frozenset({_S.DONE}),
    _S.DONE: frozenset(),
    _S.REFUSED: frozenset(),
}

ENDS = tuple(state for state, following in NEXT.items() if not following)
"""States in which an order keeps no other from its AIP."""

AT_WORK = (PurgeState.RELEASING, PurgeState.DELETING)
"""States in which copies are deleted."""


class IllegalStep(Exception):
    """An order was told to go where its life does not lead: a bug of ours."""


def check_step(state: PurgeState, following: PurgeState) -> None:
    """Raise `IllegalStep` unless `following` may come right after `state`."""
    if following not in NEXT[state]:
        raise IllegalStep(f"{state} → {following}")


class Obstacle(StrEnum):
    """What a deletion waits for."""

    HELD = "held"
    """A legal hold: until somebody who may releases it."""
    LOCKED = "locked"
    """The store's own lock, which nobody may lift (compliance), or we may not (no purger's key): until it ends."""
    AWAY = "away"
    """The site does not answer: nothing is known of what it keeps."""
    STILL_THERE = "still_there"
    """The site said that it had deleted, and still has what it should not."""
    UNDECLARED = "undeclared"
    """The site is no longer among ours: only whoever had it can attest that it was destroyed."""
    AT_WORK = "at_work"
    """A worker that began before has this copy in hand."""


NOBODY_LOOKS = frozenset({Obstacle.AWAY, Obstacle.UNDECLARED})
"""Obstacles in whose place an attestation stands that the site was destroyed: nobody can look there."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a deletion waits, until when if that is known, and what the store said."""

    obstacle: Obstacle
    until: datetime | None = None
    told: str = ""


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """One order as storage holds it.

    `waits` and `proofs` are by place (``<version>/<site>``): what it waits for there, and when nothing was left there
    (RFC 3339); `moved_at` is when it last came further, `reason` why it was refused. `objects` are those that go with
    its units, as was found when the version without them was written; None where it was not, or where they are too
    many to be told.
    """

    id: UUID
    establishment: UUID
    aip: UUID
    units: tuple[UUID, ...]
    state: PurgeState
    sha512: str
    ordered: Mapping[str, Any]
    waits: Mapping[str, Mapping[str, Any]]
    proofs: Mapping[str, str]
    ordered_at: datetime
    done_at: datetime | None
    moved_at: datetime
    reason: str | None
    objects: tuple[UUID, ...] | None


def is_written_by(order: PurgeOrder, version: Holding) -> bool:
    """Say whether a version was written by an order, to replace those before it."""
    return version.facts.get("order") == str(order.id)


def fingerprint(message: PurgeOrderedV1) -> str:
    """Return the SHA-512 of what an order says, however often it is told (canonical JSON, RFC 8785)."""
    return sha512_of(rfc8785.dumps(content_of(message)))


def content_of(message: PurgeOrderedV1) -> dict[str, Any]:
    """Return what an order says, as JSON values: all but how it was told, in which order and how often units are."""
    said = message.model_dump(mode="json", exclude={"message_id", "occurred_at", "causation_id"})
    return {**said, "units": sorted(set(said["units"]))}


def is_contradictory(message: PurgeOrderedV1) -> bool:
    """Say whether an order names no units and is about units, or names some and is about the whole AIP."""
    return bool(message.units) != (message.scope == "units")


def place(version: int, site: str) -> str:
    """Name one place where bytes are, or were."""
    return f"{version}/{site}"
