"""One entry of a container, whatever the container."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import ContainerFormat


class EntryKind(StrEnum):
    """What an entry is; only files are ever read."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as its container declares it: `name` as written, `size` expanded.

    `open` gives its bytes, exactly `size` of them or a `ContainerFault`; in a TAR, only before the next
    entry is asked for. `fault` tells why its bytes cannot be had (encrypted, unknown compression).
    """

    name: str
    kind: EntryKind
    size: int
    open: Callable[[], BinaryIO]
    fault: Finding | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A recognised container; each call of `entries` is a new pass from the beginning.

    A pass ends with a `ContainerFault` when the container is malformed or beyond a limit.
    """

    format: ContainerFormat
    entries: Callable[[], Iterator[Entry]]
