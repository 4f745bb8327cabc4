"""Where the bytes of a package come from."""

from typing import Protocol

from shared.checksums import MIB, Measure, Meter


class Source(Protocol):
    """Bytes that are read once, from their beginning."""

    def read(self, count: int, /) -> bytes:
        """Return the next bytes, at most `count`; empty at the end."""
        ...


class MeasuredSource:
    """A source that is measured as it is read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._meter = Meter()

    def read(self, count: int = -1, /) -> bytes:
        """Return the next bytes, at most `count`, or some: `tarfile` asks for either."""
        data = self._source.read(count if count >= 0 else MIB)
        self._meter.update(data)
        return data

    def measure_all(self) -> Measure:
        """Read what is left, and return the measure of the whole."""
        while self.read(MIB):
            pass
        return self._meter.measure()
