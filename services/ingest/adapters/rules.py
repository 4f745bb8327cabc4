"""The rule referential, asked of admin and remembered for a moment."""

import time

from services.ingest.domain.known_rule import KnownRule
from shared.calls import RoomCalls, RoomUnavailable

REMEMBERED_SECONDS = 10.0

AGAIN_SECONDS = 1.0
"""Not sooner is admin asked again for codes that are unknown: packages full of those are no reason to."""


class RuleReferential:
    """Knows each rule code; raises `RoomUnavailable` when admin does not answer."""

    def __init__(self, calls: RoomCalls) -> None:
        self._calls = calls
        self._rules: dict[str, KnownRule] = {}
        self._asked_at: float | None = None

    async def rules(self) -> dict[str, KnownRule]:
        """Return code → what is known of it."""
        fresh = self._asked_at is not None and time.monotonic() - self._asked_at < REMEMBERED_SECONDS
        if not fresh:
            answer = await self._calls.get_json("admin", "/admin/v1/rules")
            if answer is None:
                # A referential may be empty, and admin says so by a list; a 404 comes from something else.
                raise RoomUnavailable("admin: no rule referential")
            self._rules = {rule["code"]: KnownRule(rule["category"], rule.get("duration")) for rule in answer}
            self._asked_at = time.monotonic()
        return self._rules

    async def newer(self) -> dict[str, KnownRule] | None:
        """Ask admin again, and return its rules if they are others than it gave before."""
        before = self._rules
        if self._asked_at is None or time.monotonic() - self._asked_at < AGAIN_SECONDS:
            return None
        self._asked_at = None
        return found if (found := await self.rules()) != before else None
