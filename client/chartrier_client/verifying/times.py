"""Lines that say another time than anchors and seals allow: these had not got them yet, or had got them already."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

from chartrier_client.verifying.checks import Subject

TOLERANCE: Final = timedelta(minutes=10)
"""How far the time of a line may be from that of an anchor: clocks of several machines, and lines under way."""

_EVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Moments:
    """Numbers of heads ascending; the latest time of those up to each one, the earliest of those from each one on."""

    numbers: list[int]
    latest: list[datetime]
    earliest: list[datetime]


@dataclass(slots=True)
class Times:
    """When each head was written down, by journal; every claim is held once."""

    _heads: dict[str, dict[int, tuple[datetime, datetime]]] = field(default_factory=lambda: defaultdict(dict))
    _moments: dict[str, _Moments] = field(default_factory=dict)
    _sealed_at: datetime = _EVER
    _without: dict[str, datetime] = field(default_factory=dict)

    def note(self, journal: str, number: int, at: datetime) -> None:
        """Note that a journal had come to a line at a moment."""
        first, last = self._heads[journal].get(number, (at, at))
        self._heads[journal][number] = (min(first, at), max(last, at))
        self._moments.pop(journal, None)

    def note_seal(self, journals: Iterable[str], at: datetime) -> None:
        """Note a seal with all journals that it found: the others had no line then."""
        for journal in journals:
            self._without.setdefault(journal, self._sealed_at)
        self._sealed_at = max(self._sealed_at, at)

    def judge(self, journal: str, number: int, recorded_at: datetime, about: Subject) -> None:
        """Say so where a line cannot have been recorded when it says."""
        moments = self._moments.get(journal) or self._ordered(journal)
        place = bisect_left(moments.numbers, number)
        since = moments.latest[place - 1] if place else self._without.get(journal, self._sealed_at)
        until = moments.earliest[place] if place < len(moments.numbers) else recorded_at
        if recorded_at - since < -TOLERANCE:
            said = since
        elif recorded_at - until > TOLERANCE:
            said = until
        else:
            return
        value = f"{journal} {number} {recorded_at.isoformat()}"
        about.failed("journal.time", "line_misdated", value, anchored=said.isoformat())

    def _ordered(self, journal: str) -> _Moments:
        heads = sorted(self._heads.get(journal, {}).items())
        latest = list(accumulate((last for _, (_, last) in heads), max))
        earliest = list(accumulate((first for _, (first, _) in reversed(heads)), min))[::-1]
        self._moments[journal] = _Moments([number for number, _ in heads], latest, earliest)
        return self._moments[journal]
