"""Check a package from beginning to end, without an archive: what it finds, an archive would find."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chartrier_client.checking.container import PACKAGE, Entry, name_faults, opened_entries, printable
from chartrier_client.checking.digests import claims, key_of
from chartrier_client.checking.findings import ERROR, ContainerFault, Findings, LocalFinding, found
from chartrier_client.checking.links import link_findings
from chartrier_client.checking.manifest import Reading, header_findings, read_manifest
from chartrier_client.checking.schemas import load, schema_findings

MANIFEST: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,56}[_-])?manifest\.xml")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found. `omitted` counts, by code, the findings beyond the first 500; `version` is that of SEDA."""

    path: Path
    findings: tuple[LocalFinding, ...]
    omitted: dict[str, int]
    version: str = ""
    message_identifier: str = ""
    units: int = 0
    files: int = 0

    @property
    def is_acceptable(self) -> bool:
        """Whether nothing was found for which an archive refuses a package."""
        return all(finding.severity != ERROR for finding in self.findings)


@dataclass(slots=True)
class _Checks:
    """The findings so far, and the names of the package."""

    path: Path
    on_progress: Callable[[int, int], None] | None
    findings: Findings = field(default_factory=Findings)
    files: dict[str, str] = field(default_factory=dict)
    total: int = 0
    done: int = 0

    def take(self, findings: Iterable[LocalFinding]) -> None:
        self.findings.take(findings)

    def tell(self, count: int) -> None:
        self.done += count
        if self.on_progress:
            self.on_progress(self.done, max(self.total, self.done))


def check_sip(
    path: Path, schemas: Path | None = None, on_progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Check a package in two passes, one for its names and its manifest, one for the bytes of its files.

    `schemas` is a folder of the official schemas, without which the grammar is judged in part only.
    Raises `OSError`, or `SchemaError` for that folder; never for what is in the package.
    """
    checks = _Checks(path, on_progress)
    reading, manifest = Reading(), None
    try:
        _survey(checks)
        manifest = _manifest_of(checks)
        if manifest is not None:
            reading = _read(checks, manifest, schemas)
        if reading.complete and manifest is not None:
            checks.take(header_findings(reading.facts))
            checks.take(link_findings(reading.facts))
            _measure(checks, reading, manifest)
    except ContainerFault as fault:
        checks.take([fault.finding])
    facts = reading.facts
    return CheckReport(
        path,
        tuple(checks.findings.listed),
        checks.findings.omitted,
        facts.version,
        facts.message_identifier,
        facts.units,
        max(0, len(checks.files) - (manifest is not None)),
    )


def _survey(checks: _Checks) -> None:
    with opened_entries(checks.path) as entries:
        for entry in entries:
            checks.take([*name_faults(entry), *entry.faults])
            if entry.kind == "file":
                key = key_of(entry.path)
                checks.take([found("CONTAINER_DUPLICATE", printable(entry.name))] if key in checks.files else [])
                checks.files.setdefault(key, entry.path)
                checks.total += entry.size
    if not checks.files:
        raise ContainerFault(found("CONTAINER_EMPTY", PACKAGE))


def _prefix(checks: _Checks) -> str:
    """Return the one folder that holds everything, with its slash, or an empty text."""
    tops = {path.partition("/")[0] if "/" in path else "" for path in checks.files.values()}
    top = tops.pop()
    return f"{top}/" if top and not tops else ""


def _manifest_of(checks: _Checks) -> str | None:
    prefix = _prefix(checks)
    names = [path for path in checks.files.values() if MANIFEST.fullmatch(path.removeprefix(prefix))]
    if not names:
        checks.take([found("CONTAINER_NO_MANIFEST", PACKAGE)])
    elif len(names) > 1:
        checks.take([found("CONTAINER_SEVERAL_MANIFESTS", PACKAGE, names=", ".join(map(printable, names[:5])))])
    return names[0] if len(names) == 1 else None


def _read(checks: _Checks, manifest: str, schemas: Path | None) -> Reading:
    reading = Reading()
    with opened_entries(checks.path) as entries:
        for entry in entries:
            if _is_read(entry) and entry.path == manifest:
                with entry.open() as stream:
                    reading = read_manifest(stream, checks.findings, checks.tell)
                if schemas and reading.complete:
                    schema = load(schemas, reading.facts.version)
                    with entry.open() as stream:
                        checks.take(schema_findings(stream, schema))
                break
    return reading


def _measure(checks: _Checks, reading: Reading, manifest: str) -> None:
    keys = {key: path for key, path in checks.files.items() if path != manifest}
    files = claims(reading.facts, _prefix(checks), keys)
    met: set[str] = set()
    with opened_entries(checks.path) as entries:
        for entry in entries:
            key = key_of(entry.path)
            if _is_read(entry) and entry.path != manifest and key not in met:
                met.add(key)
                with entry.open() as stream:
                    files.measure(entry.path, key, stream, checks.tell)
                checks.take(files.findings)
                files.findings.clear()
    checks.take(files.findings)


def _is_read(entry: Entry) -> bool:
    return entry.kind == "file" and not entry.faults
