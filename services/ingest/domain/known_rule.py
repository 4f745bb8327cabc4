"""A code of the rule referential, as ingest has it from admin."""

from dataclasses import dataclass

_NO_END_OF_ITS_OWN = (None, "unlimited")


@dataclass(frozen=True, slots=True)
class KnownRule:
    """What a code governs (AppraisalRule, HoldRule…); for how long: ``P10Y``, ``unlimited``, None if not told."""

    category: str
    duration: str | None = None

    @property
    def ends_by_itself(self) -> bool:
        """Whether its end follows from its start, as far as is known."""
        return self.duration not in _NO_END_OF_ITS_OWN
