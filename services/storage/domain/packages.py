"""What is found in a package that is read as whoever restores it would read it."""

from dataclasses import dataclass, field

from shared.checksums import Measure


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a member: `reason` is ``missing``, ``unknown``, ``bytes``, ``place`` or ``unreadable``.

    `position` is its place among the members that METS names, from 1; 0 where METS does not name it.
    """

    member: str
    reason: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Package:
    """What was found: the whole stream's measure, how many members METS names and their bytes, what is wrong."""

    measure: Measure
    members: int
    bytes: int
    faults: tuple[Fault, ...]
