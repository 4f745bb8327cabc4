"""What one process of a room grants its clients, in plain values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` requests, and `burst` at once of whoever has been silent."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests of one client, and in hand of all; a client's stall in seconds, its least speed in bytes a second."""

    rate: Rate = Rate(200, 400)
    in_hand: int = 512
    stall_seconds: float = 60
    least_rate: int = 1024


USUAL = Limits()
