"""A site in a folder: one version a key, set aside before it is ever replaced, listed in the order of keys."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from shared.identifiers import new_id
from shared.object_store import durable_files
from shared.object_store.errors import NoSuchObject, StoreMisconfigured
from shared.object_store.filesystem import FilesystemStore
from shared.object_store.keeping import Version
from shared.object_store.port import ObjectFacts, Receipt, Retention, Source, check_key

ASIDE = ".aside"
"""Where files go whose bytes were not ours any more: a person may want to look at them."""

_AT_ONCE = 500


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
        """Keep the promise of `SiteStore.put_over`: the new file is whole and durable before the old one moves."""
        staged = f"replacing-{new_id().hex}"
        await self.put(staged, source, size=size, sha512=sha512, retention=retention)
        return await self._threads.short(self._replace, staged, check_key(key), size)

    def _replace(self, staged: str, key: str, size: int) -> Receipt:
        with durable_files.store_errors(self._root, key):
            target, aside = self._file(key), self._root / ASIDE / f"{new_id().hex}-{key.replace('/', '~')}"
            durable_files.make_folders(aside.parent, self._root)
            durable_files.make_folders(target.parent, self._root)
            if target.exists():
                target.rename(aside)
                durable_files.sync_folder(aside.parent)
            self._file(staged).rename(target)
            durable_files.sync_folder(target.parent)
        return Receipt(key, None, size)

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
            (self._root / durable_files.ARRIVING).stat()
            return list(islice(found, _AT_ONCE))

    async def versions(self, key: str) -> list[Version]:
        """Keep the promise of `SiteStore.versions`."""
        return await self._threads.long(self._versions, check_key(key))

    def _versions(self, key: str) -> list[Version]:
        """Return the file of a key and, older, those that were set aside of it."""
        with durable_files.store_errors(self._root, key):
            (self._root / durable_files.ARRIVING).stat()
            newest = list(_version(self._root, key))
            former = [found for path in self._aside(key) for found in _version(self._root, f"{ASIDE}/{path.name}")]
        return [*newest, *(replace(one, key=key, newest=False) for one in former)]

    def _aside(self, key: str) -> list[Path]:
        """Return what was set aside of a key, the last first: identifiers sort by time of birth."""
        aside = self._root / ASIDE
        found = aside.glob(f"*-{key.replace('/', '~')}") if aside.is_dir() else ()
        return sorted(found, reverse=True)

    async def purge(self, key: str) -> None:
        """Keep the promise of `SiteStore.purge`; what was set aside of the key goes too."""
        await self._threads.long(self._purge, check_key(key))

    def _purge(self, key: str) -> None:
        with durable_files.store_errors(self._root, key):
            (self._root / durable_files.ARRIVING).stat()
            for path in (self._file(key), *self._aside(key)):
                path.unlink(missing_ok=True)
                if path.parent.is_dir():
                    durable_files.sync_folder(path.parent)


def _walk(root: Path, folder: str, prefix: str, after: str) -> Iterator[Version]:
    """Yield the files below a folder in the order of their keys; hidden names are the store's own."""
    try:
        with os.scandir(root / folder) as entries:
            # A folder sorts as its keys do: with the slash that follows its name in them.
            names = sorted(
                (f"{folder}{entry.name}{'/' if entry.is_dir(follow_symlinks=False) else ''}")
                for entry in entries
                if not entry.name.startswith(".")
            )
    except FileNotFoundError:
        return
    for name in names:
        if not (name.startswith(prefix) or prefix.startswith(name)):
            continue
        if name.endswith("/"):
            if name > after or after.startswith(name):
                yield from _walk(root, name, prefix, after)
        elif name > after and name.startswith(prefix):
            yield from _version(root, name)


def _version(root: Path, key: str) -> Iterator[Version]:
    try:
        found = (root / key).stat(follow_symlinks=False)
    except FileNotFoundError:  # purged while we listed
        return
    yield Version(key, None, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
