"""A site in a folder: one version a key, set aside before it is ever replaced, listed in the order of keys."""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from heapq import nsmallest
from itertools import islice
from pathlib import Path

from shared.checksums import MIB
from shared.identifiers import new_id
from shared.object_store import durable_files
from shared.object_store.errors import NoSuchObject, StoreMisconfigured, StoreUnavailable
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.filesystem_sink import FileSink
from shared.object_store.keeping import Version
from shared.object_store.port import ObjectFacts, Receipt, Retention, Source, check_key, fits_in_a_key
from shared.object_store.writer import StreamWriter, receive

ASIDE = ".aside"
"""Where files go whose bytes were not ours any more, each in a folder of its key: a person may want to look."""

_AT_ONCE = 500

NAMES_AT_ONCE = 100_000
"""Names of one folder that are in memory at a time: some 20 MB."""


class FilesystemSite(FilesystemStore):
    """A `SiteStore` in a folder; nothing but our own restraint, and a missing write permission, locks its files."""

    async def renew(self, key: str, version_id: str | None, retention: Retention) -> None:  # noqa: ARG002
        """Refuse, as `FilesystemStore.put` does: a folder cannot keep a retention."""
        raise StoreMisconfigured(f"{key}: a folder cannot lock its objects")

    async def hold(self, key: str, version_id: str | None, *, held: bool) -> None:  # noqa: ARG002
        """Refuse: a folder cannot hold an object."""
        raise StoreMisconfigured(f"{key}: a folder cannot hold its objects")

    async def is_held(self, key: str, version_id: str | None) -> bool:  # noqa: ARG002
        """Answer no."""
        return False

    async def put_over(
        self, key: str, source: Source, *, size: int, sha512: str, retention: Retention | None = None
    ) -> Receipt:
        """Keep the promise of `SiteStore.put_over`: at every moment the key has the old file or the new one."""
        if retention is not None:
            raise StoreMisconfigured(f"{key}: a folder cannot lock its objects")
        sink = FileSink(self._root, check_key(key), partial(self._replace, key), self._threads)
        async with aclosing(self._read_through(source)) as chunks:
            return await receive(StreamWriter(sink, self._threads), chunks, size, sha512)

    async def _read_through(self, source: Source) -> AsyncGenerator[bytes, None]:
        """Give any source as a stream: what replaces a lost copy is measured on its way, whoever vouches for it."""
        if isinstance(source, bytes):
            yield source
        elif isinstance(source, Path):
            with source.open("rb", buffering=0) as file:
                while chunk := await self._threads.short(file.read, MIB):
                    yield chunk
        else:
            async for chunk in source:
                yield chunk

    def _replace(self, key: str, descriptor: int, temporary: Path, size: int, _digest: Callable[[], str]) -> Receipt:
        target = self._file(key)
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
        with suppress(FileNotFoundError):  # of a file that is gone nothing can be set aside
            self._set_aside(key, target)
        durable_files.make_folders(target.parent, self._root)
        temporary.replace(target)
        durable_files.sync_folder(target.parent)
        return Receipt(key, None, size)

    def _set_aside(self, key: str, target: Path) -> None:
        target.stat()
        aside = self._aside(key)
        durable_files.make_folders(aside, self._root)
        os.link(target, aside / new_id().hex)
        durable_files.sync_folder(aside)

    def _aside(self, key: str) -> Path:
        return self._root / ASIDE / key

    async def topmost(self, key: str) -> ObjectFacts | None:
        """Keep the promise of `SiteStore.topmost`."""
        try:
            return await self.stat(key)
        except NoSuchObject:
            return None

    async def listed(self, prefix: str = "", after: str = "") -> AsyncIterator[Version]:
        """Keep the promise of `SiteStore.listed`."""
        found = _walk(self._root, "", prefix, after)
        while chunk := await self._threads.long(self._some, found):
            for one in chunk:
                yield one

    def _some(self, found: Iterator[Version]) -> list[Version]:
        with durable_files.store_errors(self._root, "the store"):
            some = list(islice(found, _AT_ONCE))
            # Afterwards: a volume that goes away in the middle looks like the end of the list.
            self._require_mounted()
            return some

    def _require_mounted(self) -> None:
        (self._root / durable_files.ARRIVING).stat()

    async def hidden(self, prefix: str = "") -> AsyncIterator[str]:  # noqa: ARG002
        """Yield nothing: a folder has no markers."""
        none: tuple[str, ...] = ()
        for key in none:
            yield key

    async def folders(self) -> list[str]:
        """Keep the promise of `SiteStore.folders`."""
        return await self._threads.long(self._folders)

    def _folders(self) -> list[str]:
        with durable_files.store_errors(self._root, "the store"):
            found = [name[:-1] for name in _names(self._root, "", "", "") if name.endswith("/")]
            self._require_mounted()
        return found

    async def versions(self, key: str) -> list[Version]:
        """Keep the promise of `SiteStore.versions`: what was set aside of a key is there until the key is purged."""
        return await self._threads.short(self._versions, check_key(key))

    def _versions(self, key: str) -> list[Version]:
        with durable_files.store_errors(self._root, key):
            found = list(_version(self._root / key, key))
            for path in _files_in(self._aside(key)):
                found += [replace(one, newest=False) for one in _version(path, key)]
            self._require_mounted()
        return found

    async def tidy(self) -> int:
        """Keep the promise of `SiteStore.tidy`."""
        return await self._threads.long(durable_files.remove_abandoned, self._root)

    async def purge(self, key: str) -> None:
        """Keep the promise of `SiteStore.purge`; what was set aside of the key goes too."""
        await self._threads.long(self._purge, check_key(key))

    def _purge(self, key: str) -> None:
        with durable_files.store_errors(self._root, key):
            self._require_mounted()
            aside = self._aside(key)
            for path in (self._file(key), *_files_in(aside)):
                path.unlink(missing_ok=True)
                if path.parent.is_dir():
                    durable_files.sync_folder(path.parent)
            with suppress(OSError):  # not there, or a key that begins with this one has something aside
                aside.rmdir()
        if left := self._versions(key):
            raise StoreUnavailable(f"{key}: {len(left)} files are there after they were removed")


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.is_dir()] if folder.is_dir() else []


def _walk(root: Path, folder: str, prefix: str, after: str) -> Iterator[Version]:
    """Yield the files below a folder in the order of their keys."""
    for name in _names(root, folder, prefix, after):
        if name.endswith("/"):
            yield from _walk(root, name, prefix, after)
        else:
            yield from _version(root / name, name)


def _names(root: Path, folder: str, prefix: str, after: str) -> Iterator[str]:
    """Yield the names in a folder, in order, that keys with this prefix and behind `after` may begin with.

    So many are in memory at a time, on each level: a folder that has more (`services.storage.domain.keys` says which
    grow) is read again for those that follow.
    """
    last = ""
    while True:
        try:
            with os.scandir(root / folder) as entries:
                wanted = (name for name in _keys_of(folder, entries) if name > last and _leads(name, prefix, after))
                found = nsmallest(NAMES_AT_ONCE, wanted)
        except FileNotFoundError:
            return
        yield from found
        if len(found) < NAMES_AT_ONCE:
            return
        last = found[-1]


def _keys_of(folder: str, entries: Iterable[os.DirEntry[str]]) -> Iterator[str]:
    # A folder sorts as its keys do: with the slash that follows its name in them. Hidden names are the store's own,
    # others that no key could have (`lost+found`) are the volume's.
    for entry in entries:
        if fits_in_a_key(entry.name):
            yield f"{folder}{entry.name}{'/' if entry.is_dir(follow_symlinks=False) else ''}"


def _leads(name: str, prefix: str, after: str) -> bool:
    """Say whether a name is a key that is asked for, or a folder in which there may be some."""
    if name.endswith("/"):
        return (name.startswith(prefix) or prefix.startswith(name)) and (name > after or after.startswith(name))
    return name.startswith(prefix) and name > after


def _version(path: Path, key: str) -> Iterator[Version]:
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:  # never there, or purged while we listed
        return
    yield Version(key, None, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
