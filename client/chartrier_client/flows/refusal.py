"""What is wrong with an input, in the two languages of whoever will mend it."""

from collections.abc import Iterable
from dataclasses import dataclass

from chartrier_client.description import DescriptionError


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend, in French and in English."""

    fr: str
    en: str


class FlowError(DescriptionError):
    """An input that cannot be deposited as it is; `faults` are all that was found, `place` is where."""

    def __init__(self, place: str, faults: Iterable[Fault]) -> None:
        self.place = place
        self.faults = tuple(faults)
        super().__init__(f"{place} : {self.fr} / {self.en}")

    @property
    def fr(self) -> str:
        """All the faults, in French."""
        return " ; ".join(fault.fr for fault in self.faults)

    @property
    def en(self) -> str:
        """All the faults, in English."""
        return "; ".join(fault.en for fault in self.faults)


def refuse(place: str, faults: Iterable[Fault | None]) -> None:
    """Raise the faults there are, all at once."""
    found = [fault for fault in faults if fault is not None]
    if found:
        raise FlowError(place, found)
