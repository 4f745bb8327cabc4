"""Every search, every description that is given and every refusal of one has its line, before the answer leaves.

What was searched for may be somebody's name: a line has no word of it, only a digest under a key of this archive's.
Whoever has the key and a word can tell whether that word was searched for; from the line alone nobody can. Rooms ask
on behalf of work that has lines of its own. Source: requirement PRV-13.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from uuid import UUID

from services.data_management.domain.search import Search
from services.data_management.queries.reading import Page
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messages.journal import JournalKind, JournalLineV1
from shared.messaging.lines import line_writer
from shared.messaging.transaction import RoomDatabase
from shared.problems import Problem, noted

SEARCHED = "catalogue.searched"
DESCRIBED = "unit.described"
REFUSED = "unit.refused"

_PURPOSE = b"chartrier words of searches/1"
"""What the key of the digests is derived for: the rooms' secret itself signs tokens, and digests nothing."""


class Consultations:
    """Writes the lines of one process; `secret` is the rooms', which digests of words last as long as."""

    def __init__(self, database: RoomDatabase, secret: str) -> None:
        self._lines = line_writer(database)
        self._key = hmac.digest(secret.encode(), _PURPOSE, "sha256")

    async def searched(self, caller: Caller, search: Search, page: Page) -> None:
        """Tell of a page of a search that is about to be answered; `ko` for an establishment that is not theirs."""
        if caller.internal:
            return
        scope = caller.scope(Permission.CATALOGUE_READ)
        foreign = [one for one in search.establishments or () if one not in scope]
        details: dict[str, str | int] = {
            "units": len(page.units),
            "total": page.total,
            "filters": " ".join(field.name for field in fields(search) if getattr(search, field.name) is not None),
        }
        if search.words is not None:
            details["words_hmac"] = self.digest(search.words)
        if search.identifier is not None:
            details["identifier_hmac"] = self.digest(search.identifier)
        line = _line("events", SEARCHED, caller, "catalogue", details, _owner(caller, search, page))
        await self._lines.add(line.model_copy(update={"outcome": "ko"}) if foreign else line)

    async def described(self, caller: Caller, unit: UUID, establishment: UUID, view: str) -> None:
        """Tell of a unit whose description is about to be given: its own, its children's, its whole branch's."""
        if not caller.internal:
            line = _line("archives", DESCRIBED, caller, f"unit:{unit}", {"view": view}, establishment)
            await self._lines.add(line)

    @asynccontextmanager
    async def refusals_noted(self, caller: Caller, kind: str, wanted: str) -> AsyncIterator[None]:
        """Tell of a 404 or 410 that ends the block before it goes its way; `wanted` is what was asked for.

        In the platform's journal: none of it may stand in that of an establishment that is no affair of the caller's.
        """
        try:
            yield
        except Problem as refusal:
            if refusal.status in (404, 410) and not caller.internal:
                details: dict[str, str | int] = {"reason": refusal.code}
                line = _line("events", REFUSED, caller, f"{kind}:{_named(wanted)}", details, None)
                await self._lines.add(line.model_copy(update={"outcome": "ko"}))
                noted(refusal)
            raise

    def digest(self, text: str) -> str:
        """Return the digest of something asked for: HMAC-SHA-256, hexadecimal."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _owner(caller: Caller, search: Search, page: Page) -> UUID | None:
    """Return whose journal has the line: the only establishment that could be looked into, if it exists."""
    scope = caller.scope(Permission.CATALOGUE_READ).establishments
    wanted = search.establishments if scope is None else sorted(scope.intersection(search.establishments or scope))
    # A caller who may see all may name any UUID: each would be a new journal.
    known = scope is not None or bool(page.units)
    return wanted[0] if wanted and len(wanted) == 1 and known else None


def _named(wanted: str) -> str:
    """Return an identifier as it is one; what is none may be anything, and is not repeated."""
    try:
        return str(UUID(wanted))
    except ValueError:
        return "malformed"


def _line(
    kind: JournalKind,
    action: str,
    caller: Caller,
    about: str,
    details: dict[str, str | int],
    establishment: UUID | None,
) -> JournalLineV1:
    return JournalLineV1(
        kind=kind, action=action, actor=caller.subject, object=about, establishment=establishment, details=details
    )
