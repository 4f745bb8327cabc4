"""Open a package that was judged once more, to read its files one after the other."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.ingest.domain.limits import MIB, Limits
from services.ingest.pipeline.container.archive import open_container
from services.ingest.pipeline.container.entries import Entry, EntryKind
from services.ingest.pipeline.container.names import clean_path


class SipPackage:
    """The files of a SIP by the paths an inventory gives them; `manifest_path` is a full path in the container.

    Raises `ContainerFault` where the package is malformed.
    """

    def __init__(self, sip: Path, manifest_path: str, prefix: str, limits: Limits) -> None:
        self._container = open_container(sip, limits)
        self._manifest = manifest_path
        self._prefix = prefix

    @contextmanager
    def open_manifest(self) -> Iterator[BinaryIO]:
        """Open the manifest, byte for byte as received."""
        with tempfile.TemporaryFile() as copy:
            for entry in self._entries():
                if clean_path(entry.name) == self._manifest:
                    with entry.open() as stream:
                        shutil.copyfileobj(stream, copy, MIB)
                    break
            copy.seek(0)
            yield copy

    def files(self) -> Iterator[tuple[str, int, BinaryIO]]:
        """Yield path, size and stream of every file but the manifest, in the order of the container.

        A stream is read before the next one is asked for.
        """
        for entry in self._entries():
            path = clean_path(entry.name)
            if path != self._manifest:
                with entry.open() as stream:
                    yield path.removeprefix(self._prefix), entry.size, stream

    def _entries(self) -> Iterator[Entry]:
        return (entry for entry in self._container.entries() if entry.kind is EntryKind.FILE)
