"""A process that dies, as far as its own code can tell, behind a place that `shared.faults` names."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared import faults


class Killed(BaseException):
    """The process is no more."""


def places_of(flow: str) -> list[str]:
    """Return the places of a flow (`room.flow`) in their alphabet."""
    return sorted(name for name in faults.FAULT_POINTS if name.startswith(f"{flow}."))


@contextmanager
def dying_at(place: str) -> Iterator[None]:
    """Have whoever comes to a place within this block die there: somebody must, and the block ends with it."""

    def strike(name: str) -> None:
        if name == place:
            raise Killed(name)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(faults, "strike", strike)
        try:
            yield
        except Killed:
            return
    pytest.fail(f"nobody came to {place}")
