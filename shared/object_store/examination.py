"""What can be found out of a store without leaving anything in it: a locked bucket keeps what is written for years.

The questions are blocking; whoever asks has a thread to spare.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from shared.object_store import durable_files
from shared.object_store.errors import StoreError, StoreMisconfigured
from shared.object_store.s3_wire import Bucket, S3Wire

SKEW_SECONDS = 60
"""How far a server's clock may be from ours: locks end by its own, and it refuses requests at 15 minutes."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer, in words for the operator."""

    name: str
    ok: bool
    said: str


def examine_folder(root: Path) -> list[Check]:
    """Look at a folder: is it there, is it a store, may we write, and is it a volume of its own."""
    return [
        _asked("there", lambda: _is_store(root)),
        _asked("writable", lambda: _writes(root)),
    ]


def volume_of(root: Path) -> int | None:
    """Return what tells the volume of a folder from others; None where there is no such folder."""
    try:
        return root.stat().st_dev
    except OSError:
        return None


def _is_store(root: Path) -> str:
    with durable_files.store_errors(root, "the store"):
        (root / durable_files.ARRIVING).stat()
    return f"{root} is a store"


def _writes(root: Path) -> str:
    with durable_files.store_errors(root, "the store"):
        descriptor, temporary = durable_files.create_temporary(root)
        try:
            durable_files.write_all(descriptor, b"check")
            os.fsync(descriptor)
        finally:
            durable_files.discard(descriptor, temporary)
    return "a temporary file was written, made durable and removed"


def examine_bucket(bucket: Bucket, purgers: Bucket | None = None) -> list[Check]:
    """Look at a bucket: does it answer us (and its purger), keep versions, lock as declared, have the time right."""
    wire = S3Wire(bucket, connections=1)
    try:
        reached = _asked("there", lambda: _answers(wire))
        if not reached.ok:
            return [reached]
        return [
            reached,
            _asked("versions", lambda: _keeps_versions(wire)),
            _asked("locks", lambda: _locks(wire)),
            _asked("clock", lambda: _clock(wire)),
            *([] if purgers is None else [_asked("purger", lambda: _answers_purger(purgers))]),
        ]
    finally:
        wire.close()


def _answers_purger(bucket: Bucket) -> str:
    wire = S3Wire(bucket, connections=1)
    try:
        wire.send("HEAD", None)
    finally:
        wire.close()
    return "the bucket knows the purger's key"


def _answers(wire: S3Wire) -> str:
    wire.send("HEAD", None)
    return f"bucket {wire.bucket.name} answers, and knows our key"


def _keeps_versions(wire: S3Wire) -> str:
    if b"<Status>Enabled</Status>" not in wire.send("GET", None, query={"versioning": ""}).data:
        raise StoreMisconfigured("the bucket keeps no versions")
    return "every version is kept"


def _locks(wire: S3Wire) -> str:
    try:
        found = b"<ObjectLockEnabled>Enabled</ObjectLockEnabled>" in _lock_configuration(wire)
    except StoreError as error:
        if wire.bucket.locked:
            raise StoreMisconfigured(f"declared with a lock, and the bucket tells of none: {error}") from error
        found = False
    if wire.bucket.locked and not found:
        raise StoreMisconfigured("declared with a lock, and the bucket has none")
    if found and not wire.bucket.locked:
        raise StoreMisconfigured("the bucket can lock objects, and is declared without: nothing is locked")
    return "objects are locked, as declared" if found else "none, as declared: only rights protect the bytes"


def _lock_configuration(wire: S3Wire) -> bytes:
    return bytes(wire.send("GET", None, query={"object-lock": ""}).data)


def _clock(wire: S3Wire) -> str:
    told = wire.send("HEAD", None).headers.get("date")
    if told is None:
        return "the server does not tell the time"
    skew = (parsedate_to_datetime(told).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    if abs(skew) > SKEW_SECONDS:
        raise StoreMisconfigured(f"its clock is {skew:+.0f} s from ours: locks would end at another time")
    return f"within {SKEW_SECONDS} s of ours"


def _asked(name: str, question: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, said=question())
    except StoreError as error:
        return Check(name, ok=False, said=str(error))
