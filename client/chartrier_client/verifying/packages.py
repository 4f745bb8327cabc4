"""Packages: every file of an AIP against METS, every file of a DIP against its own list; nothing is unpacked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, cast

from chartrier_client.checking.container import Entry, name_faults, opened_entries
from chartrier_client.checking.findings import ContainerFault
from chartrier_client.verifying.canonical import is_uuid, read_object
from chartrier_client.verifying.checks import Malformed, Subject
from chartrier_client.verifying.hashing import Measured
from chartrier_client.verifying.mets import Mets, read_mets
from chartrier_client.verifying.trees import group_value

METS: Final = "METS.xml"
LISTED: Final = "manifest-sha512.txt"
LARGEST_LIST: Final = 64 << 20


@dataclass(slots=True)
class Package:
    """What a package holds: its identifier, and the digests of its files by algorithm and path."""

    identifier: str = ""
    version: int = 1
    digests: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The value of its group, in hexadecimal."""
        return group_value(self.digests["sha512"].values()).hex()

    @property
    def members(self) -> int:
        """How many digests its group has."""
        return len(set(self.digests["sha512"].values()))


@dataclass(slots=True)
class _Files:
    """What was measured so far."""

    about: Subject
    algorithms: frozenset[str]
    sizes: dict[str, int] = field(default_factory=dict)
    digests: dict[str, dict[str, bytes]] = field(default_factory=dict)
    faults: int = 0

    def fault(self, reason: str, value: object, **facts: object) -> None:
        self.faults += 1
        self.about.failed("package.files", reason, value, **facts)

    def take(self, path: str, size: int, found: dict[str, bytes]) -> None:
        if path in self.sizes:
            self.fault("file_twice", path)
        self.sizes[path] = size
        for name, digest in found.items():
            self.digests.setdefault(name, {})[path] = digest


@contextmanager
def entries_of(path: Path) -> Iterator[Iterator[Entry]]:
    """Give the entries of a ZIP or TAR; raises `Malformed` where it cannot be read any further, `OSError` too."""
    try:
        with opened_entries(path) as entries:
            yield entries
    except ContainerFault as fault:
        raise Malformed("container", finding=fault.finding.code) from fault


def _sound(entries: Iterable[Entry], files: _Files) -> Iterator[Entry]:
    """Give the files of a package; whatever else is in it is a fault, but folders."""
    for entry in entries:
        faults = [*name_faults(entry), *entry.faults]
        for finding in faults:
            files.fault("container", entry.name, finding=finding.code)
        if not faults and entry.kind == "file":
            yield entry


def read_aip(path: Path, algorithms: Iterable[str], about: Subject) -> Package:
    """Read an AIP once, and compare each of its files with METS.

    Raises `Malformed` for what cannot be read as one, and `OSError`.
    """
    files, mets, root = _Files(about, frozenset({"sha512", *algorithms})), None, ""
    with entries_of(path) as entries:
        for entry in _sound(entries, files):
            root = root or entry.path.partition("/")[0]
            inside = entry.path.removeprefix(f"{root}/")
            with entry.open() as stream:
                measured = Measured(stream, files.algorithms)
                if inside == METS and mets is None:
                    mets = read_mets(cast("IO[bytes]", measured))
                found = measured.to_the_end()
            files.take(inside, measured.size, found)
    if mets is None:
        raise Malformed("no_mets")
    _compare(files, mets, root)
    package = Package(mets.identifier, mets.version, files.digests)
    if not files.faults:
        about.ok("package.files", f"{len(files.sizes)}")
        about.ok("package.group", f"{package.members} {package.group}")
    return package


def _compare(files: _Files, mets: Mets, root: str) -> None:
    if not is_uuid(mets.identifier) or mets.identifier != root:
        files.fault("package_named", root, expected=mets.identifier)
    for name in sorted(mets.files.keys() - files.sizes.keys()):
        files.fault("file_missing", name)
    for name in sorted(files.sizes.keys() - mets.files.keys() - {METS}):
        files.fault("file_unlisted", name)
    for name, named in mets.files.items():
        if name in files.sizes and files.sizes[name] != named.size:
            files.fault("file_size", name, found=files.sizes[name], expected=named.size)
        elif name in files.sizes and files.digests["sha512"][name].hex() != named.sha512:
            files.fault("file_changed", name, found=files.digests["sha512"][name].hex(), expected=named.sha512)


def read_dip(path: Path, algorithms: Iterable[str], about: Subject) -> Package:
    """Read a DIP once, and compare each of its files with its list of digests, and with `dip.json`.

    Raises `Malformed` for what cannot be read as one, and `OSError`.
    """
    files, kept = _Files(about, frozenset({"sha512", *algorithms})), dict[str, bytes]()
    with entries_of(path) as entries:
        for entry in _sound(entries, files):
            pieces: list[bytes] = []
            keeps = entry.path in {LISTED, "dip.json"}
            if keeps and entry.size > LARGEST_LIST:
                raise Malformed("too_large", limit=LARGEST_LIST)
            with entry.open() as stream:
                measured = Measured(stream, files.algorithms)
                found = measured.to_the_end(pieces.append if keeps else None)
            files.take(entry.path, measured.size, found)
            if keeps:
                kept[entry.path] = b"".join(pieces)
    if len(kept) != 2:
        raise Malformed("no_dip")
    _compare_list(files, kept[LISTED])
    order = read_object(kept["dip.json"])
    _compare_order(files, order)
    if not files.faults:
        about.ok("package.files", f"{len(files.sizes)}")
    delivered = {str(each["name"]) for each in order["files"] if isinstance(each, dict) and "name" in each}
    return Package(
        str(order.get("dip")),
        digests={
            name: {path: value for path, value in found.items() if path in delivered}
            for name, found in files.digests.items()
        },
    )


def _compare_list(files: _Files, content: bytes) -> None:
    listed = dict[str, str]()
    for line in content.decode("utf-8", "replace").removesuffix("\n").split("\n"):
        sha512, _, name = line.partition("  ")
        listed[name] = sha512
    for name in sorted(listed.keys() - files.sizes.keys()):
        files.fault("file_missing", name)
    for name in sorted(files.sizes.keys() - listed.keys() - {LISTED}):
        files.fault("file_unlisted", name)
    for name, sha512 in listed.items():
        if name in files.sizes and files.digests["sha512"][name].hex() != sha512:
            files.fault("file_changed", name, found=files.digests["sha512"][name].hex(), expected=sha512)


def _compare_order(files: _Files, order: dict[str, Any]) -> None:
    rows = order.get("files")
    if order.get("format") != "chartrier-dip" or order.get("version") != 1 or not isinstance(rows, list):
        raise Malformed("no_dip")
    named = set[str]()
    for row in rows:
        name = str(row.get("name")) if isinstance(row, dict) else ""
        named.add(name)
        if name not in files.sizes:
            files.fault("file_missing", name)
        elif (row.get("size"), row.get("sha512")) != (files.sizes[name], files.digests["sha512"][name].hex()):
            files.fault("file_changed", name, found=files.digests["sha512"][name].hex(), expected=row.get("sha512"))
    for name in sorted(files.sizes.keys() - named):
        if name.startswith("content/"):
            files.fault("file_unlisted", name)
