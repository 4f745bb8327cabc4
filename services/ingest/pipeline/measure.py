"""Measure every file of a package in one pass: digests, size, format, antivirus."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.instruments import Identification, Identify, Scan
from services.ingest.domain.limits import MIB
from services.ingest.domain.sip import MeasuredFile
from services.ingest.pipeline.container.package import SipPackage
from services.ingest.pipeline.digest_algorithms import ALGORITHMS
from services.ingest.pipeline.inside import look_inside
from services.ingest.pipeline.specimen import Specimen

# Under this size a hash is cheaper than handing it to a thread.
_WORTH_A_THREAD = MIB // 2


@dataclass(frozen=True, slots=True)
class Instruments:
    """What looks at each file; `scan` is None where no antivirus is configured; `scratch` is a private folder.

    `archive_depth` is how deep archives may stand in archives.
    """

    identify: Identify
    scan: Scan | None
    scratch: Path
    archive_depth: int = 3


@dataclass(slots=True)
class Measurements:
    """What was measured so far: complete unless the reading stopped on a fault."""

    files: list[MeasuredFile] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class _Hash(Protocol):
    """A digest being computed."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of the bytes taken."""


class _Digests:
    """Several digests of one stream; hashlib lets other threads run, so each has its own when it pays."""

    def __init__(self, algorithms: frozenset[str], executor: Executor) -> None:
        names = sorted(algorithms | {"SHA-512"})
        self._hashes: dict[str, _Hash] = {name: hashlib.new(ALGORITHMS[name][0]) for name in names}
        self._executor = executor
        self._pending: list[Future[None]] = []

    def update(self, chunk: bytes) -> None:
        """Take the next bytes; they may still be hashed when this returns."""
        self._settle()
        if len(chunk) < _WORTH_A_THREAD:
            for each in self._hashes.values():
                each.update(chunk)
        else:
            self._pending = [self._executor.submit(each.update, chunk) for each in self._hashes.values()]

    def results(self) -> dict[str, str]:
        """Return algorithm → digest in hex."""
        self._settle()
        return {name: each.hexdigest() for name, each in self._hashes.items()}

    def _settle(self) -> None:
        wait(self._pending)
        self._pending = []


def measure(
    package: SipPackage, algorithms: Mapping[str, frozenset[str]], instruments: Instruments, into: Measurements
) -> None:
    """Measure each file; `algorithms` are those declared for a path, computed besides SHA-512.

    Raises `ContainerFault` at damaged bytes, `into` then holding what came before, and what `scan` raises.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="digest") as executor:
        for path, size, stream in package.files():
            wanted = algorithms.get(path, frozenset())
            digests = _Digests(wanted, executor)
            identification = _read(path, size, stream, digests, instruments, into)
            computed = digests.results()
            into.files.append(
                MeasuredFile(
                    path=path,
                    size=size,
                    sha512=computed["SHA-512"],
                    digests={name: computed[name] for name in sorted(wanted)},
                    puid=identification.puid,
                    format_name=identification.name,
                    mime=identification.mime,
                )
            )


def scan_stream(path: str, size: int, chunks: Iterator[bytes], scan: Scan) -> list[Finding]:
    """Give a stream to the antivirus and say what it found; what it does not take is left in `chunks`."""
    report = scan(chunks)
    if report.malware is not None:
        return [found("ANTIVIRUS_INFECTED", path, malware=report.malware[:200])]
    if report.examined < size:
        return [found("ANTIVIRUS_PARTIAL", path, examined=str(report.examined))]
    return []


def _read(
    path: str, size: int, stream: BinaryIO, digests: _Digests, instruments: Instruments, into: Measurements
) -> Identification:
    """Let one file go by all the instruments at once."""
    with Specimen(instruments.scratch, path, size) as specimen:
        chunks = _teed(stream, digests, specimen)
        if instruments.scan is not None:
            into.findings += scan_stream(path, size, chunks, instruments.scan)
        for _ in chunks:
            pass
    identification = instruments.identify(specimen.path) if size else Identification(None)
    if identification.damaged and specimen.container is not None:
        # Of one that is too large to be kept the two ends are there: that they cannot be opened is no fault of it.
        if specimen.whole:
            into.findings.append(found("FORMAT_DAMAGED", path, kind=specimen.container.name or ""))
        identification = specimen.container
    into.findings += look_inside(specimen.path, path, instruments.archive_depth, whole=specimen.whole)
    specimen.path.unlink()
    return identification


def _teed(stream: BinaryIO, digests: _Digests, specimen: Specimen) -> Iterator[bytes]:
    while chunk := stream.read(MIB):
        digests.update(chunk)
        specimen.write(chunk)
        yield chunk
