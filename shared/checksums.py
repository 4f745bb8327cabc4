"""SHA-512 and sizes: how this archive measures bytes, whether they lie in a file or are still arriving."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

MIB = 1 << 20

_AT_ONCE = 1 << 18
"""Bytes read at a time: as many as a core's own cache holds until they are hashed."""

Buffer: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Measure:
    """What some bytes are: their SHA-512 in lower-case hexadecimal, and how many they are."""

    sha512: str
    size: int


class Meter:
    """Measures bytes as they pass; asks nothing of them but their order.

    `also` names further algorithms of hashlib, for a digest the sender announced in another one.
    """

    def __init__(self, also: tuple[str, ...] = ()) -> None:
        self._sha512 = hashlib.sha512()
        self._others = {name: hashlib.new(name) for name in also}
        self._size = 0

    def update(self, data: Buffer) -> None:
        """Take the next bytes into account (hashlib frees the interpreter meanwhile)."""
        self._sha512.update(data)
        for other in self._others.values():
            other.update(data)
        self._size += len(data)

    @property
    def size(self) -> int:
        """How many bytes have passed so far."""
        return self._size

    def measure(self) -> Measure:
        """Say what has passed so far; the meter may go on afterwards."""
        return Measure(self._sha512.hexdigest(), self._size)

    def others(self) -> dict[str, str]:
        """Say the digests asked for with `also`, in hexadecimal."""
        return {name: digest.hexdigest() for name, digest in self._others.items()}


def sha512_of(data: Buffer) -> str:
    """Return the SHA-512 of bytes at hand."""
    return hashlib.sha512(data).hexdigest()


def measure_file(path: Path) -> Measure:
    """Read a whole file once, in 256 KiB of memory."""
    with path.open("rb", buffering=0) as file:
        return measure_descriptor(file.fileno())


def measure_descriptor(descriptor: int) -> Measure:
    """Read an open file from where it stands to its end, in 256 KiB of memory."""
    meter = Meter()
    buffer = bytearray(_AT_ONCE)
    window = memoryview(buffer)
    while count := os.readv(descriptor, [buffer]):
        meter.update(window[:count])
    return meter.measure()
