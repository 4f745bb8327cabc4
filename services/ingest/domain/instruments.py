"""The instruments that look at each file: format identification and antivirus, as functions to be given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identification:
    """What PRONOM calls a format; `puid` is None when it knows none for these bytes.

    `damaged` says that they begin as a container and cannot be read as one.
    """

    puid: str | None
    name: str | None = None
    mime: str | None = None
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What the antivirus says of one stream: the malware's name or None, and how many bytes it looked at."""

    malware: str | None
    examined: int


Identify = Callable[[Path], Identification]
"""Identify the file at a local path, whose extension is that of the original."""

Scan = Callable[[Iterable[bytes]], ScanReport]
"""Look for malware in a stream; may stop before its end. Raises `ScannerUnavailable` rather than guess."""
