"""Read a TAR's bytes forward, from a plain, gzip or bzip2 file, under the limits."""

import bz2
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.faults import corrupt, truncated
from services.ingest.pipeline.container.meter import Meter


class Forward:
    """A stream of expanded bytes that only goes forward; every byte is counted before it is handed out."""

    def __init__(self, expanded: BinaryIO, received: BinaryIO, meter: Meter) -> None:
        self._expanded = expanded
        self._received = received
        self._meter = meter
        self._length = os.fstat(received.fileno()).st_size
        self._out = 0

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, fewer only at the end. Raises `ContainerFault` for damaged compression."""
        try:
            data = self._expanded.read(size)
        except EOFError as error:
            raise truncated() from error
        except zlib.error as error:
            raise corrupt("damaged compression") from error
        except OSError as error:
            # gzip and bz2 tell of damaged data by an OSError without errno; with one, the disk is at fault.
            if error.errno is not None:
                raise
            raise corrupt("damaged compression") from error
        self._out += len(data)
        self._meter.expanded(self._out, self._received.tell())
        return data

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes. Raises `ContainerFault` when the stream ends before."""
        data = self.read(size)
        if len(data) != size:
            raise truncated()
        return data

    def skip(self, size: int) -> None:
        """Pass over `size` bytes, by a seek when the TAR is not compressed."""
        if self._expanded is self._received and size > MIB:
            # A TAR may announce more than any disk could hold, and a seek take.
            if size > self._length - self._received.tell():
                raise truncated()
            # The last byte is read so that a TAR cut in the middle of a file is seen here.
            self._received.seek(size - 1, 1)
            self._out += size - 1
            size = 1
        while size:
            size -= len(self.exactly(min(size, MIB)))

    def drain(self) -> None:
        """Read what follows to the end, so that checksums of the compression are verified."""
        if self._expanded is not self._received:
            while self.read(MIB):
                pass


@contextmanager
def open_forward(path: Path, container_format: ContainerFormat, limits: Limits) -> Iterator[Forward]:
    """Open the expanded bytes of the TAR at `path`."""
    with path.open("rb") as received:
        meter = Meter(limits)
        if container_format is ContainerFormat.TAR_GZ:
            with gzip.GzipFile(fileobj=received, mode="rb") as expanded:
                yield Forward(cast("BinaryIO", expanded), received, meter)
        elif container_format is ContainerFormat.TAR_BZ2:
            with bz2.BZ2File(received, mode="rb") as expanded_bz2:
                yield Forward(cast("BinaryIO", expanded_bz2), received, meter)
        else:
            yield Forward(received, received, meter)
