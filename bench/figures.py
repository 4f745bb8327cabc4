"""What a workload gave: figures, what each process used, and how that stands against the budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from bench.processes import Watched

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with its name and unit."""

    name: str
    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One budget: what was measured against what was promised."""

    budget: str
    measured: float
    limit: float
    at_most: bool

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit


@dataclass(frozen=True, slots=True)
class Outcome:
    """One workload on one way of running the archive; `deposits` is what CPU is shared among."""

    mode: str
    workload: str
    deposits: int
    figures: tuple[Figure, ...]
    verdicts: tuple[Verdict, ...]
    watched: Watched


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, between the two nearest values where it falls between them."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def rate(moments: Sequence[float]) -> float:
    """Return how many happen in a second, from the first to the last of these moments."""
    span = max(moments) - min(moments)
    return (len(moments) - 1) / span if span > 0 else float("nan")


def memory_figures(watched: Watched) -> tuple[Figure, ...]:
    """Return the figures of memory that every workload has."""
    return (
        Figure("largest process of ours", watched.largest_of_ours / MIB, "MiB RSS"),
        Figure("largest process, S3 site left out", watched.largest / MIB, "MiB RSS"),
        Figure("whole archive, servers included", watched.total_pss / MIB, "MiB PSS"),
    )


def mean(values: Sequence[float]) -> float:
    """Return the mean, or not-a-number of nothing."""
    return fmean(values) if values else float("nan")
