"""Look at a whole container before trusting any file of it: names, kinds, duplicates, and the manifest's place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.limits import MIB, Limits
from services.ingest.domain.sip import ContainerFormat
from services.ingest.pipeline.container.archive import open_container
from services.ingest.pipeline.container.entries import Entry, EntryKind
from services.ingest.pipeline.container.faults import CONTAINER, ContainerFault
from services.ingest.pipeline.container.names import clean_path, name_faults, path_key, printable
from services.ingest.pipeline.telling import Telling

# The names that archives in service send: manifest.xml, with or without a prefix.
MANIFEST_NAME = re.compile(r"(?:[A-Za-z0-9_-]{1,56}[_-])?manifest\.xml")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass told. `manifest` is its full path, None when there is not exactly one.

    `paths` are all files but the manifest, in the container's order, relative to `prefix`; `findings` is
    empty when every file may be read.
    """

    format: ContainerFormat | None
    prefix: str = ""
    manifest: str | None = None
    paths: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Names:
    """The names seen so far."""

    telling: Telling
    files: dict[str, str] = field(default_factory=dict)
    candidates: list[str] = field(default_factory=list)
    spooled: str | None = None
    too_long: int = 0


def survey(sip: Path, spooled_manifest: Path, limits: Limits) -> Survey:
    """Pass once over the SIP, and leave a copy of its manifest at `spooled_manifest` if it has one.

    Never raises for what the depositor did: a container that cannot be read to its end has a finding.
    """
    names = _Names(Telling(limits.max_findings_per_code))
    container_format = None
    try:
        container = open_container(sip, limits)
        container_format = container.format
        for entry in container.entries():
            _take(names, entry, spooled_manifest, limits)
    except ContainerFault as fault:
        names.telling.take([fault.finding])
        return Survey(container_format, findings=names.telling.told())
    return _conclude(container_format, names)


def _take(names: _Names, entry: Entry, spooled_manifest: Path, limits: Limits) -> None:
    if entry.kind is EntryKind.FOLDER:
        # Folders are not kept, but a folder outside of the package tells of an attack.
        names.telling.take(_folder_faults(entry.name, limits))
        return
    faults = [*_kind_faults(entry), *name_faults(entry.name, limits)]
    if any(fault.code == "CONTAINER_PATH_TOO_LONG" for fault in faults):
        # Not even kept: a few names may weigh more than all the files.
        names.telling.take(faults)
        names.too_long += 1
        return
    path = clean_path(entry.name)
    if entry.fault is not None:
        faults.append(entry.fault)
    if path_key(path) in names.files:
        faults.append(found("CONTAINER_DUPLICATE", printable(entry.name)))
    names.telling.take(faults)
    names.files.setdefault(path_key(path), path)
    if not faults and _may_be_manifest(path):
        _spool(names, entry, path, spooled_manifest, limits)


def _folder_faults(name: str, limits: Limits) -> Iterator[Finding]:
    # "./" is the package itself.
    return name_faults(name, limits) if clean_path(name) else iter(())


def _kind_faults(entry: Entry) -> Iterator[Finding]:
    if entry.kind is EntryKind.LINK:
        yield found("CONTAINER_LINK", printable(entry.name))
    elif entry.kind is EntryKind.SPECIAL:
        yield found("CONTAINER_SPECIAL_FILE", printable(entry.name))


def _may_be_manifest(path: str) -> bool:
    """Say whether `path` is named as a manifest, at the root or in one top folder."""
    folder, _, name = path.rpartition("/")
    return "/" not in folder and MANIFEST_NAME.fullmatch(name) is not None


def _spool(names: _Names, entry: Entry, path: str, spooled_manifest: Path, limits: Limits) -> None:
    """Copy a manifest while we pass by; the one at the root wins over one in a folder."""
    names.candidates.append(path)
    if names.spooled is not None and ("/" in path or "/" not in names.spooled):
        return
    names.spooled = path
    if entry.size > limits.max_manifest_bytes:
        limit = str(limits.max_manifest_bytes)
        names.telling.take([found("MANIFEST_TOO_LARGE", printable(path), limit=limit)])
        return
    with spooled_manifest.open("wb") as copy, entry.open() as stream:
        while chunk := stream.read(MIB):
            copy.write(chunk)


def _conclude(container_format: ContainerFormat, names: _Names) -> Survey:
    files = list(names.files.values())
    if not files:
        if not names.too_long:
            names.telling.take([found("CONTAINER_EMPTY", CONTAINER)])
        return Survey(container_format, findings=names.telling.told())
    prefix = _top_folder(files)
    manifests = [path for path in names.candidates if "/" not in path.removeprefix(prefix)]
    names.telling.take(_manifest_faults(manifests))
    names.telling.take(_conflicts(names.files))
    manifest = manifests[0] if len(manifests) == 1 else None
    paths = tuple(path.removeprefix(prefix) for path in files if path != manifest)
    return Survey(container_format, prefix, manifest, paths, names.telling.told())


def _top_folder(files: list[str]) -> str:
    """Return the one folder that holds everything, with its slash, or an empty text."""
    tops = {path.partition("/")[0] if "/" in path else "" for path in files}
    top = tops.pop()
    return f"{top}/" if top and not tops else ""


def _manifest_faults(manifests: list[str]) -> Iterator[Finding]:
    if not manifests:
        yield found("CONTAINER_NO_MANIFEST", CONTAINER)
    elif len(manifests) > 1:
        yield found("CONTAINER_SEVERAL_MANIFESTS", CONTAINER, names=", ".join(manifests[:5]))


def _conflicts(files: Mapping[str, str]) -> Iterator[Finding]:
    """Find files that are also folders of other files: no disk can hold both."""
    above = None
    # In this order what stands in a folder follows the folder's own name, with nothing between.
    for key in sorted(files, key=lambda key: key.replace("/", "\0")):
        if above is not None and key.startswith(f"{above}/"):
            yield found("CONTAINER_NAME_CONFLICT", printable(files[key]), other=printable(files[above]))
        else:
            above = key
