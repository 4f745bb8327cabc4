"""What the bench is asked to do."""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MODES = ("all-in-one", "full-stack")
WORKLOADS = ("small", "many", "units", "large", "growth", "fairness", "audit", "rebuild", "seal")

_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
_SIZE = re.compile(r"(\d+)\s*([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything is bounded, in number and in time."""

    modes: tuple[str, ...]
    workloads: tuple[str, ...]
    home: Path | None
    results: Path
    seed: int
    window: int
    small_seconds: float
    small_count: int
    small_bytes: int
    half_seconds: float
    many_count: int
    many_bytes: int
    units_count: int
    units_files: int
    large_bytes: int
    growth_count: int
    fair_bytes: int
    audit_count: int
    audit_bytes: int
    rebuild_units: int
    rebuild_small: int
    seal_count: int
    patience: float
    enforce: bool


def size_of(text: str) -> int:
    """Read a size such as ``65536``, ``64KiB`` or ``1GiB``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2].upper() not in _UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 65536, 64KiB or 1GiB")
    size = int(match[1]) * _UNITS[match[2].upper()]
    if size == 0:
        raise argparse.ArgumentTypeError("a size of nothing measures nothing")
    return size


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; says what is wrong and exits when it cannot."""
    read = _parser().parse_args(arguments)
    values = vars(read)
    mode = values.pop("mode")
    only = values.pop("only")
    return Options(modes=MODES if mode == "both" else (mode,), workloads=only, **values)


def _workloads(text: str) -> tuple[str, ...]:
    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in chosen if name not in WORKLOADS]
    if unknown or not chosen:
        raise argparse.ArgumentTypeError(f"choose among {', '.join(WORKLOADS)}")
    return chosen


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the archive against the raw baseline; `make bench ARGS=…` passes these options on.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--mode", choices=(*MODES, "both"), default="both", help="which way of running the archive")
    add("--only", type=_workloads, default=WORKLOADS, help="workloads, separated by commas")
    add("--home", type=Path, default=None, help="where the bench makes its own folder (default: CHARTRIER_HOME)")
    add("--results", type=Path, default=Path("bench/results"), help="where the JSON goes")
    add("--seed", type=int, default=1, help="another seed, other bytes")
    add("--window", type=_positive, default=24, help="deposits in hand at once (small, growth)")
    add("--small-seconds", type=float, default=60.0, help="how long small deposits are sustained")
    add("--small-count", type=_positive, default=100_000, help="at most so many small deposits")
    add("--small-bytes", type=size_of, default=size_of("64KiB"), help="size of a small SIP")
    add("--half-seconds", type=float, default=20.0, help="then at half that rate, for the delay; 0: not at all")
    add("--many-count", type=_positive, default=10_000, help="files of the SIP of many files")
    add("--many-bytes", type=size_of, default=size_of("4KiB"), help="size of each of them")
    add("--units-count", type=_positive, default=100_000, help="units of the SIP of many units")
    add("--units-files", type=_positive, default=10_000, help="how many of them have a file of --many-bytes")
    add("--large-bytes", type=size_of, default=size_of("1GiB"), help="size of the file of the large SIP")
    add("--growth-count", type=_positive, default=500, help="deposits whose first and last hundred are compared")
    add("--fair-bytes", type=size_of, default=size_of("256MiB"), help="size of each large SIP beside small ones")
    add("--audit-count", type=_positive, default=10_000, help="AIPs that are audited, on two folders")
    add("--audit-bytes", type=size_of, default=size_of("1MiB"), help="size of each of them")
    add("--rebuild-units", type=_positive, default=100_000, help="units of the AIP that a rebuild loads")
    add("--rebuild-small", type=_positive, default=2_000, help="AIPs of one unit that another rebuild loads")
    add("--seal-count", type=_positive, default=10_000, help="deposits of the day that is sealed")
    add("--patience", type=float, default=600.0, help="seconds after which a workload is given up")
    add("--enforce", action="store_true", help="exit 1 when a budget is missed")
    return parser
