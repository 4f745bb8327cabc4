"""What befalls a copy on a site of a full stack, by the hand of whoever holds the store's own keys."""

import io
import random
from dataclasses import dataclass

from minio import Minio
from minio.deleteobjects import DeleteObject

from services.local import room_settings
from trials.levers import Amiss, Levers

SITES = ("site-a", "site-b")
"""The names of the two, in the order of their numbers."""


@dataclass(frozen=True)
class Copy:
    """One copy of a holding, as the copy map has it."""

    holding: str
    site: str
    key: str
    version_id: str


def copies_of(levers: Levers, holding: str) -> dict[str, Copy]:
    """Return the copies of the newest version of a holding, by site."""
    rows = levers.ask(
        """SELECT copy.site, holding.key, copy.version_id FROM copy
           JOIN holding ON holding.id = copy.holding AND holding.version = copy.version
           WHERE copy.holding = $1::uuid ORDER BY copy.version""",
        holding,
        room="storage",
    )
    return {row["site"]: Copy(holding, row["site"], row["key"], row["version_id"]) for row in rows}


def bytes_of(levers: Levers, copy: Copy) -> bytes:
    """Read a copy from its site."""
    answer = _client(levers, copy).get_object(room_settings.BUCKET, copy.key, version_id=copy.version_id)
    try:
        content: bytes = answer.data
        return content
    finally:
        answer.close()
        answer.release_conn()


def remove(levers: Levers, copy: Copy) -> None:
    """Delete the very version of a copy, past its lock: its site has lost it."""
    gone = [DeleteObject(copy.key, copy.version_id)]
    errors = _client(levers, copy).remove_objects(room_settings.BUCKET, gone, bypass_governance_mode=True)
    if found := list(errors):
        raise Amiss(f"{copy.key} could not be harmed: {found[0]}")


def flip(levers: Levers, copy: Copy) -> None:
    """Have the site give a copy back with one bit flipped.

    A store with versions lets nobody change one: the flipped bytes are a version above, and the copy map is made to
    name that one, which is what a store that rots gives.
    """
    content = bytearray(bytes_of(levers, copy))
    content[len(content) // 2] ^= 1
    put = _client(levers, copy).put_object(room_settings.BUCKET, copy.key, io.BytesIO(content), len(content))
    levers.ask(
        "UPDATE copy SET version_id = $3 WHERE holding = $1::uuid AND site = $2 AND version_id = $4",
        *(copy.holding, copy.site, put.version_id, copy.version_id),
        room="storage",
    )


def spoil(levers: Levers, copy: Copy, chance: random.Random) -> str:
    """Do one or the other; return which."""
    how = chance.choice((remove, flip))
    how(levers, copy)
    return "copies flipped" if how is flip else "copies deleted"


def make_due(levers: Levers, holding: str, *sites: str) -> None:
    """Have copies be audited next: as if they had last been read long ago, and no hand rested.

    By a superuser's hand: the shortest period there is lasts a day.
    """
    levers.ask(
        """UPDATE copy SET verified_at = now() - interval '1000 days'
           WHERE holding = $1::uuid AND site = ANY($2::text[]) AND state = 'verified'""",
        *(holding, list(sites)),
        room="storage",
    )
    levers.ask("UPDATE work SET not_before = now() WHERE kind = 'audit' AND leased_until IS NULL", room="storage")


def _client(levers: Levers, copy: Copy) -> Minio:
    return levers.stack.start_site(SITES.index(copy.site)).client()
