"""A database that burns and is had again: a base backup, and the write-ahead log as it grew, kept elsewhere.

Or a backup alone (`OlderBackup`): what came after it is to be rebuilt from a site.

Each commit waits until the log's receiver has it on its own disk (`synchronous_standby_names`), so that whoever was
answered was answered for good: nothing may be lost, and what is measured is how long it takes.
"""

import asyncio
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.local import files, postgres, processes, unprivileged
from services.local.settings import server_environment
from trials.levers import Levers, until

RECEIVER = "chartrier_archive"
"""What the receiver calls itself: the name that commits wait for."""


@dataclass(frozen=True)
class Archive:
    """Where the backup of a stack's database lies: `base`, `wal`, and the receiver that fills it."""

    levers: Levers
    folder: Path

    def begin(self) -> None:
        """Take a base backup of the running server, and have every commit from now on wait for the archive."""
        self._stop_receiving()
        for name in ("base", "wal"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        files.private_folder(self.folder / "wal")
        self._receive()
        _base_backup(self.levers, self.folder / "base", "none")
        self._alter(f"ALTER SYSTEM SET synchronous_standby_names = '{RECEIVER}'")

    def burn_and_restore(self) -> float:
        """Kill the server, destroy its data, have it again from the archive; return how long it was away, in s."""
        place = self.levers.stack.folder / "postgres"
        postgres.kill(place)
        began = time.monotonic()
        shutil.rmtree(place / "data")
        self._stop_receiving()
        self._put_back(place / "data")
        self.levers.stack.start_postgres()
        # Promoted: the log is used up, and rooms may write again.
        until(lambda: self.levers.count("SELECT count(*) FROM (SELECT 1 WHERE NOT pg_is_in_recovery()) AS x"))
        for room in self.levers.stack.processes.values():
            room.wait_ready()
        return time.monotonic() - began

    def _put_back(self, data: Path) -> None:
        _copy_back(self.folder / "base", data)
        for unfinished in (self.folder / "wal").glob("*.partial"):
            unfinished.rename(unfinished.with_suffix(""))
        with (data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f'restore_command = \'cp "{self.folder / "wal"}/%f" "%p"\'\n')
        (data / "recovery.signal").touch()

    def _receive(self) -> None:
        guise = unprivileged.guise()
        command = (*guise.prefix, str(postgres.programs() / "pg_receivewal"), *_whom(self.levers), "-D", "wal")
        unprivileged.give(self.folder, guise)
        # A slot, so that the server keeps of its log what the receiver has not fetched yet.
        slot = f"--slot={RECEIVER}"
        _run(self.levers, "pg_receivewal", slot, "--create-slot", "--if-not-exists")
        processes.spawn(
            processes.Launch(
                (*command, slot, "--synchronous", "--no-loop"),
                {**server_environment(self.folder), "PGAPPNAME": RECEIVER},
                self.folder,
                self.folder / "receiver.pid",
                self.folder / "receiver.log",
                guise.user,
                guise.group,
            )
        )
        asked = "SELECT count(*) FROM pg_stat_replication WHERE application_name = $1"
        until(lambda: self.levers.count(asked, RECEIVER))

    def _stop_receiving(self) -> None:
        mark = processes.read_mark(self.folder / "receiver.pid")
        if mark is not None:
            processes.terminate(mark, grace=5.0)

    def _alter(self, statement: str) -> None:
        async def altered() -> None:
            connection = await asyncpg.connect(self.levers.database)
            try:
                await connection.execute(statement)
                await connection.execute("SELECT pg_reload_conf()")
            finally:
                await connection.close()

        with suppress(asyncpg.PostgresConnectionError):
            asyncio.run(altered())


@dataclass(frozen=True)
class OlderBackup:
    """A backup of a stack's database as it stood when it was taken, whole in itself, in `folder`."""

    levers: Levers
    folder: Path

    def take(self) -> None:
        """Copy the running server, with as much of its log as makes the copy consistent."""
        unprivileged.give(files.private_folder(self.folder), unprivileged.guise())
        _base_backup(self.levers, self.folder / "base", "fetch")

    def put_back(self) -> None:
        """Stop every room, destroy the server's data, and start it with what the backup has; rooms stay stopped."""
        for room in self.levers.stack.processes.values():
            room.stop()
        place = self.levers.stack.folder / "postgres"
        postgres.kill(place)
        shutil.rmtree(place / "data")
        _copy_back(self.folder / "base", place / "data")
        self.levers.stack.start_postgres()


def _copy_back(base: Path, data: Path) -> None:
    shutil.copytree(base, data)
    data.chmod(0o700)


def _base_backup(levers: Levers, folder: Path, wal: str) -> None:
    _run(levers, "pg_basebackup", "-D", str(folder), "--checkpoint=fast", f"--wal-method={wal}")


def _run(levers: Levers, program: str, *options: str) -> None:
    guise = unprivileged.guise()
    command = [*guise.prefix, str(postgres.programs() / program), *_whom(levers), *options]
    # A program of PostgreSQL, and options of our own.
    subprocess.run(  # noqa: S603
        command, check=True, env=server_environment(levers.stack.folder), user=guise.user, group=guise.group
    )


def _whom(levers: Levers) -> tuple[str, ...]:
    server = levers.stack.start_postgres()
    return ("-h", str(server.socket_dir), "-p", str(postgres.PORT), "-U", "postgres")
