"""A private RabbitMQ: the system's program, our own node, ports, folders, cookie and port mapper.

Debian's wrapper insists on the accounts root or rabbitmq and on the system's folders; the program it wraps
accepts any account and any folder, so that one is started. Nothing is shared with a broker of the system.
"""

import secrets
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.local import files, ports, processes
from services.local.settings import server_environment

PLACES = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "/usr/local/lib/rabbitmq/bin/rabbitmq-server")
# AMQP 0-9-1 §4.2.2: the protocol header; a broker that serves answers with a method frame (type 1).
_GREETING, _METHOD_FRAME = b"AMQP\x00\x00\x09\x01", b"\x01"

# The write-ahead log of quorum queues is kept in memory too: 512 MB by default, far too much for one machine.
_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp}
default_user = {user}
default_pass = {password}
loopback_users.1 = {user}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 200MB
raft.wal_max_size_bytes = 33554432
collect_statistics_interval = 60000
log.dir = {folder}
log.console = false
log.file = rabbitmq.log
log.file.level = warning
"""


class MissingServerError(Exception):
    """RabbitMQ is not installed on this machine; the text says how to install it."""


class _State(BaseModel):
    """What must stay the same from one start to the next: the data belong to this node and this user."""

    model_config = ConfigDict(frozen=True)

    node: str
    user: str
    password: str
    amqp: int
    distribution: int
    mapper: int


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker; its only user may do everything on its only virtual host."""

    folder: Path
    url: str


def program() -> Path:
    """Find the server of the system; MissingServerError tells the operator what to install."""
    for place in PLACES:
        if Path(place).is_file():
            return Path(place)
    found = shutil.which("rabbitmq-server")
    if found is None or Path(found).resolve().name == "rabbitmq-script-wrapper":
        raise MissingServerError("RabbitMQ is not installed: apt-get install rabbitmq-server (no service need run).")
    return Path(found)


def start(folder: Path, patience: float = 90.0) -> Broker:
    """Return the broker of this folder: the one that runs, or a new one on the same data and ports."""
    server = program()
    folder = files.private_folder(folder)
    with files.held(folder / "lock"):
        if is_running(folder):
            state = _State.model_validate_json((folder / "rabbitmq.json").read_bytes())
        else:
            state = _prepared(folder)
            _start_mapper(folder, state)
            _spawn(folder, "rabbitmq", (str(server),), _environment(folder, state))
        mark = processes.read_mark(folder / "rabbitmq.pid")
        wait = processes.Wait("RabbitMQ", folder / "start.log", patience, mark)
        processes.wait_until(lambda: _answers(state.amqp), wait)
    return Broker(folder, f"amqp://{state.user}:{state.password}@127.0.0.1:{state.amqp}/")


def is_running(folder: Path) -> bool:
    """Tell whether the broker of this folder lives."""
    return processes.is_alive(processes.read_mark(folder / "rabbitmq.pid"))


def stop(folder: Path) -> None:
    """Stop the broker, its helper programs and its port mapper; returns once none is left."""
    _end(folder, processes.terminate)


def kill(folder: Path) -> None:
    """SIGKILL to all of it, for tests of recovery."""
    _end(folder, processes.kill)


def _end(folder: Path, how: Callable[[processes.Mark], None]) -> None:
    for name in ("rabbitmq", "epmd"):
        mark = processes.read_mark(folder / f"{name}.pid")
        if mark is None:
            continue
        below = processes.descendants_of(mark)
        how(mark)
        # Erlang's helper programs live in sessions of their own and leave once their pipe is cut.
        for straggler in processes.wait_gone(below, 5.0):
            processes.kill(straggler)


def _prepared(folder: Path) -> _State:
    """Files and ports for the next start: the remembered ones while they are free."""
    known: _State | None = None
    with suppress(FileNotFoundError):
        known = _State.model_validate_json((folder / "rabbitmq.json").read_bytes())
    chosen = ports.keep_or_replace((known.amqp, known.distribution, known.mapper) if known else (), 3)
    state = _State(
        node="chartrier@localhost",
        user=known.user if known else f"chartrier-{secrets.token_hex(4)}",
        password=known.password if known else secrets.token_urlsafe(24),
        amqp=chosen[0],
        distribution=chosen[1],
        mapper=chosen[2],
    )
    files.write_private(folder / "rabbitmq.json", state.model_dump_json())
    values = {"amqp": state.amqp, "user": state.user, "password": state.password, "folder": folder}
    files.write_private(folder / "rabbitmq.conf", _CONFIGURATION.format(**values))
    files.write_private(folder / "enabled_plugins", "[].\n")
    files.write_private(folder / "environment.conf", "")  # read in place of /etc/rabbitmq/rabbitmq-env.conf
    cookie = files.private_folder(folder / "home") / ".erlang.cookie"
    if not cookie.exists():
        files.write_private(cookie, secrets.token_hex(16))
        cookie.chmod(0o400)
    return state


def _environment(folder: Path, state: _State) -> dict[str, str]:
    return {
        **server_environment(folder / "home"),
        # Makes the script become the Erlang machine itself, so that the pid we keep is the server's.
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_NODENAME": state.node,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(state.amqp),
        "RABBITMQ_DIST_PORT": str(state.distribution),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "environment.conf"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(files.private_folder(folder / "data")),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(state.mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


def _start_mapper(folder: Path, state: _State) -> None:
    """Start Erlang's port mapper as a process of ours; started by Erlang it would outlive us unseen."""
    old = processes.read_mark(folder / "epmd.pid")
    if old is not None:
        processes.kill(old)
    epmd = shutil.which("epmd")
    if epmd is None:
        raise MissingServerError("Erlang's epmd is not installed: apt-get install rabbitmq-server brings it.")
    command = (epmd, "-address", "127.0.0.1", "-port", str(state.mapper))
    mark = _spawn(folder, "epmd", command, server_environment(folder / "home"))
    wait = processes.Wait("epmd", folder / "start.log", 10.0, mark)
    processes.wait_until(lambda: _accepts(state.mapper), wait)


def _spawn(folder: Path, name: str, command: tuple[str, ...], environment: dict[str, str]) -> processes.Mark:
    pid_file, log_file = folder / f"{name}.pid", folder / "start.log"
    return processes.spawn(processes.Launch(command, environment, folder, pid_file, log_file))


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
        return True
    return False


def _answers(port: int) -> bool:
    """Tell whether the broker speaks AMQP: it listens only after its users and queues are loaded."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2.0) as line:
        line.sendall(_GREETING)
        return line.recv(1) == _METHOD_FRAME
    return False
