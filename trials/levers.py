"""What trials and crash tests take the archive by: kill, freeze, lock, look inside, and wait.

Nothing here changes what the archive keeps: processes are suspended and resumed, locks held and let go, tables
read with a superuser's eyes.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import psutil
from sqlalchemy import make_url

from services.local import ports, processes
from services.local.rooms import Room
from services.local.stack import Stack

Found = TypeVar("Found")

PATIENCE = 60.0
"""Longer than anything here takes, back-offs and leases included: only a fault waits this long."""


class Amiss(AssertionError):
    """What must be true of the archive is not; the text says what was found."""


def until(question: Callable[[], Found], *, patience: float = PATIENCE) -> Found:
    """Ask until the answer is truthy, and return it; `Amiss` names the last answer when patience ends."""
    deadline = time.monotonic() + patience
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise Amiss(f"{answer!r} after {patience:.0f} s")
        time.sleep(0.03)
    return answer


@dataclass(frozen=True)
class Levers:
    """A full stack, and a superuser's address of its database."""

    stack: Stack
    database: str

    @classmethod
    def of(cls, running: Stack) -> "Levers":
        """Find the database of a running stack."""
        address = make_url(running.start_postgres().url("postgres")).set(drivername="postgresql")
        return cls(running, address.render_as_string(hide_password=False))

    def room(self, name: str) -> Room:
        """Return a process of the stack: the first of a room under the room's name, the others as `<room>-2`."""
        return self.stack.processes[name]

    def ask(self, query: str, *values: object, room: str = "public") -> list[Any]:
        """Return the rows of a query in a room's schema; a superuser sees past row-level security."""

        async def asked() -> list[Any]:
            connection = await asyncpg.connect(self.database, server_settings={"search_path": room})
            try:
                return list(await connection.fetch(query, *values))
            finally:
                await connection.close()

        return asyncio.run(asked())

    def count(self, query: str, *values: object, room: str = "public") -> int:
        """Return the one number that a query answers."""
        [row] = self.ask(query, *values, room=room)
        return int(row[0])

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Keep the locks that a statement takes for as long as the block lasts."""
        with asyncio.Runner() as runner:
            connection = runner.run(asyncpg.connect(self.database))
            try:
                runner.run(connection.execute(f"BEGIN; {statement}"))
                yield
            finally:
                runner.run(connection.close())

    def leader(self, room: str) -> int:
        """Return the process of a room, without its children."""
        return self._mark(room).pid

    def workers(self) -> list[int]:
        """Return ingest's child processes: those that check and build."""
        fork_servers = [child for child in _children(self.leader("ingest")) if _children(child.pid)]
        return [worker.pid for server in fork_servers for worker in _children(server.pid)]

    def site(self, number: int) -> int:
        """Return the process of a site."""
        return _pid(self.stack.site_folder(number) / "seaweedfs.pid")

    def broker(self) -> int:
        """Return the process of RabbitMQ."""
        return _pid(self.stack.folder / "rabbitmq" / "rabbitmq.pid")

    def kill(self, room: str) -> None:
        """SIGKILL to the room's own process alone; its children have to notice by themselves."""
        os.kill(self.leader(room), signal.SIGKILL)
        until(lambda: not self.room(room).is_alive(), patience=10)

    def start(self, room: str) -> None:
        """Start a room anew, once nobody is left of its last process."""
        mark = self._mark(room)
        until(lambda: not processes.session_of(mark), patience=10)
        self.room(room).start()

    def terminate(self, room: str, patience: float = 20.0) -> int:
        """SIGTERM, as an orchestrator does; return the exit code, negative if a signal ended it."""
        pid = self.leader(room)
        os.kill(pid, signal.SIGTERM)
        # Looked at without being reaped: the stack still has to find its own child.
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        ended = until(lambda: os.waitid(os.P_PID, pid, look), patience=patience)
        if ended is None:
            raise Amiss(f"{room} has not ended")
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def _mark(self, room: str) -> processes.Mark:
        mark = self.room(room).mark
        if mark is None:
            raise Amiss(f"{room} was never started")
        return mark

    def beside(self, room: str, folder: Path, role: str = "worker") -> Room:
        """Return one more process of a room, or of its workers alone, on a port of its own; it is not started."""
        first = self.room(room)
        (port,) = ports.free_ports(1)
        environment = {**first.environment, "CHARTRIER_PORT": str(port)}
        return replace(first, port=port, command=(*first.command[:-1], role), environment=environment, folder=folder)

    def logged(self, room: str, words: str, since: int) -> bool:
        """Tell whether a room has written these words after that many bytes of its log."""
        with self.room(room).log_file.open("rb") as log:
            log.seek(since)
            return words.encode() in log.read()

    def make_whole(self) -> None:
        """Start whatever does not run, and wait until every room is ready."""
        self.stack.start_postgres()
        self.stack.start_rabbitmq()
        for number in (0, 1):
            self.stack.start_site(number)
        for room in self.stack.processes.values():
            room.launch()
        for room in self.stack.processes.values():
            room.wait_ready()


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Suspend processes for as long as the block lasts; one that is killed meanwhile is not missed."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _pid(pid_file: Path) -> int:
    mark = processes.read_mark(pid_file)
    if mark is None:
        raise Amiss(f"{pid_file.stem} was never started")
    return mark.pid


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children()
    return []
