"""Memory and CPU of every process of the archive, watched while a workload runs."""

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

INTERVAL = 0.5
# The proportional size asks the kernel to walk page tables: less often.
PSS_EVERY = 10
DEPOSITOR = "bench (depositor)"
S3_SITE = "seaweedfs"

_ROLE = re.compile(r"postgres: chartrier_(\w+) ")
_MEMORY = re.compile(r"(VmHWM|RssAnon):\s+(\d+) kB")
# Servers whose helper programs are not worth a line of their own.
_WHOLE = ("rabbitmq", "postgres", S3_SITE, "caddy")
_SERVERS = (("beam.smp", "rabbitmq"), ("erl", "rabbitmq"), ("epmd", "rabbitmq"), ("inet_gethost", "rabbitmq"))


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of one label used: CPU of all together, memory of the largest one, in bytes.

    `max_rss` is the peak the kernel keeps; it counts pages shared with other processes, so that a session of
    PostgreSQL counts what it touched of the shared buffers. `max_private` is the most of memory of its own
    (RssAnon) that a sample saw, every `INTERVAL` seconds: a shorter peak escapes it.
    """

    label: str
    processes: int
    cpu_seconds: float
    max_rss: int
    max_private: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """What a workload used. `total_pss` counts shared pages once; it is the most seen at one time."""

    seconds: float
    usages: tuple[Usage, ...]
    total_pss: int

    @property
    def cpu_seconds(self) -> float:
        """CPU of the whole archive, the depositor left out."""
        return sum(usage.cpu_seconds for usage in self.usages if usage.label != DEPOSITOR)

    @property
    def largest_of_ours(self) -> int:
        """The most memory that any process of ours had."""
        return max((usage.max_rss for usage in self.usages if usage.ours), default=0)

    @property
    def largest(self) -> int:
        """The most memory that any process of the archive had, PostgreSQL and RabbitMQ included.

        The S3 site is left out: in production it is another's machine, here it fills what its own limit allows.
        """
        return max((usage.max_rss for usage in self.usages if usage.label not in {DEPOSITOR, S3_SITE}), default=0)


@dataclass(slots=True)
class _Seen:
    label: str
    first_cpu: float
    last_cpu: float
    max_rss: int
    max_private: int


def label_of(command: Sequence[str], above: str | None) -> str:
    """Name a process by what it does for the archive; a child without a name of its own takes its parent's."""
    program = Path(command[0].split(":")[0]).name if command else ""
    if program == "postgres":
        role = _ROLE.match(command[0])
        return f"postgres {role[1]}" if role else "postgres server"
    if "-m" in command and (module := command[command.index("-m") + 1]).startswith("services"):
        return "all-in-one" if module == "services" else module.removeprefix("services.")
    for start, name in (*_SERVERS, ("weed", S3_SITE), ("caddy", "caddy")):
        if program.startswith(start):
            return name
    if above is None or above == DEPOSITOR:
        return program or "?"
    return above if above.endswith(" children") or above.startswith(_WHOLE) else f"{above} children"


def is_ours(label: str, rooms: Sequence[str]) -> bool:
    """Tell whether a label names code of the project rather than a server it uses."""
    return label.removesuffix(" children") in {"all-in-one", *rooms}


class Watch:
    """Samples this process and all below it between entering and leaving; then `result` tells."""

    def __init__(self, rooms: Sequence[str]) -> None:
        self._rooms = rooms
        self._seen: dict[tuple[int, float], _Seen] = {}
        self._pss = 0
        self._start = 0.0
        self._seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-watch", daemon=True)

    def __enter__(self) -> Self:
        for process in _all():
            _forget_peak(process.pid)
        self._sample(new_from_zero=False)
        self._start = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._seconds = time.perf_counter() - self._start
        self._over.set()
        self._thread.join()
        self._sample(new_from_zero=True)

    @property
    def result(self) -> Watched:
        """What was used in all, the greatest consumer of CPU first."""
        groups: dict[str, list[_Seen]] = defaultdict(list)
        for seen in self._seen.values():
            groups[seen.label].append(seen)
        usages = (_usage(label, group, self._rooms) for label, group in groups.items())
        ordered = tuple(sorted(usages, key=lambda usage: -usage.cpu_seconds))
        return Watched(self._seconds, ordered, self._pss)

    def _run(self) -> None:
        turn = 0
        while not self._over.wait(INTERVAL):
            self._sample(new_from_zero=True)
            if turn % PSS_EVERY == 0:
                self._pss = max(self._pss, _total_pss())
            turn += 1

    def _sample(self, *, new_from_zero: bool) -> None:
        labels: dict[int, str] = {os.getpid(): DEPOSITOR}
        for process in _all():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                self._note(process, labels, new_from_zero=new_from_zero)

    def _note(self, process: psutil.Process, labels: dict[int, str], *, new_from_zero: bool) -> None:
        with process.oneshot():
            times = process.cpu_times()
            above = labels.get(process.ppid())
            label = labels.setdefault(process.pid, label_of(process.cmdline(), above))
            cpu = times.user + times.system
            rss, private = _memory(process)
            seen = self._seen.setdefault(
                (process.pid, process.create_time()), _Seen(label, 0.0 if new_from_zero else cpu, cpu, rss, private)
            )
        # A PostgreSQL session says whose it is only once it is open.
        seen.label, seen.last_cpu = label, cpu
        seen.max_rss, seen.max_private = max(seen.max_rss, rss), max(seen.max_private, private)


def shares(watched: Watched, count: int) -> Mapping[str, float]:
    """Return CPU seconds by label for one of `count` deposits."""
    return {usage.label: usage.cpu_seconds / count for usage in watched.usages}


def _usage(label: str, group: Sequence[_Seen], rooms: Sequence[str]) -> Usage:
    cpu = sum(seen.last_cpu - seen.first_cpu for seen in group)
    rss, private = max(seen.max_rss for seen in group), max(seen.max_private for seen in group)
    return Usage(label, len(group), cpu, rss, private, is_ours(label, rooms))


def _all() -> list[psutil.Process]:
    """This process, then all below it, parents before their children."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Return the most memory the process had, as the kernel keeps it, and what it has of its own now.

    Both are the resident memory of now where the kernel does not tell.
    """
    with suppress(OSError):
        told = dict(_MEMORY.findall(Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")))
        if {"VmHWM", "RssAnon"} <= told.keys():
            return int(told["VmHWM"]) * 1024, int(told["RssAnon"]) * 1024
    now = int(process.memory_info().rss)
    return now, now


def _forget_peak(pid: int) -> None:
    # proc(5): writing 5 sets the peak back to what the process has now.
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _total_pss() -> int:
    total = 0
    for process in _all()[1:]:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_full_info().pss
    return total
