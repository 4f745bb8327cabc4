"""What is wrong with an input, in the two languages of whoever will mend it."""

from collections.abc import Iterable

from chartrier_client.description import DescriptionError
from chartrier_client.language import Text


class FlowError(DescriptionError):
    """An input that cannot be deposited as it is; `faults` are all that was found, `place` is where.

    As text it says everything in both languages: whoever runs a night's batch may read either.
    """

    def __init__(self, place: str, faults: Iterable[Text]) -> None:
        self.place = place
        self.faults = tuple(faults)
        super().__init__(Text(self.fr, self.en))

    # Typing has no `override` before Python 3.12.
    def __str__(self) -> str:  # type: ignore[explicit-override]
        return f"{self.fr} / {'; '.join(fault.en for fault in self.faults)}"

    @property
    def fr(self) -> str:
        """The place and all its faults, in French."""
        return f"{self.place} : {' ; '.join(fault.fr for fault in self.faults)}"

    @property
    def en(self) -> str:
        """The place and all its faults, in English."""
        return f"{self.place}: {'; '.join(fault.en for fault in self.faults)}"


def refuse(place: str, faults: Iterable[Text | None]) -> None:
    """Raise the faults there are, all at once."""
    found = [fault for fault in faults if fault is not None]
    if found:
        raise FlowError(place, found)
