"""SEDA packages, valid unless told otherwise: `a_sip(path)` writes one that passes every check.

Hostile ones are in `hostile_sips.py`.
"""

import hashlib
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from uuid import uuid4

from services.ingest.domain.agreement import Agreement, Antivirus, Decision, MatchHeader, UnknownRules, Usages
from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.sip import ContainerFormat
from tests.builders.sip_manifests import AFile, ASip, AUnit, a_manifest

__all__ = ["AFile", "ASip", "AUnit", "a_manifest"]


def an_agreement(  # what ingest knows of one agreement, lenient unless told otherwise
    *,
    identifier: str = "ACCORD-1",
    match_header: MatchHeader = MatchHeader.RECORD,
    unknown_rules: UnknownRules = UnknownRules.WARN,
    usages: Usages = Usages.LENIENT,
    formats: tuple[str, ...] = (),
    max_units: int | None = None,
    max_bytes: int | None = None,
    schema_tolerances: tuple[str, ...] = (),
    unidentified: bool | None = None,
    antivirus: Antivirus = Antivirus.YES,
) -> Agreement:
    return Agreement(
        id=uuid4(),
        identifier=identifier,
        version=1,
        establishment=uuid4(),
        establishment_identifier="COMMUNE-1",
        name="Accord d’essai",
        state="active",
        match_header=match_header,
        unknown_rules=unknown_rules,
        usages=usages,
        decision=Decision.AUTOMATIC,
        formats=formats,
        max_units=max_units,
        max_bytes=max_bytes,
        schema_tolerances=schema_tolerances,
        unidentified=unidentified,
        antivirus=antivirus,
    )


def a_sip(path: Path, sip: ASip | None = None, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """Write a SIP at `path` and return it."""
    sip = sip or ASip()
    manifest = a_manifest(sip) if sip.manifest is None else sip.manifest
    entries = [
        (sip.prefix + sip.manifest_name, manifest),
        *((sip.prefix + file.path, file.content) for file in sip.files),
        *sip.entries,
    ]
    return a_container(path, entries, container)


def a_container(
    path: Path, entries: Iterable[tuple[str, bytes]], container: ContainerFormat = ContainerFormat.ZIP
) -> Path:
    """Write files into a container, in this order, whatever their names."""
    if container is ContainerFormat.ZIP:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in entries:
                package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return path
    with open_tar(path, container) as package_tar:
        for name, content in entries:
            _add(package_tar, name, len(content), io.BytesIO(content))
    return path


def a_sip_of_many_files(
    path: Path, count: int, size: int = 4096, container: ContainerFormat = ContainerFormat.ZIP
) -> Path:
    """Write a SIP of `count` different files of `size` bytes, one unit each, in one folder unit."""
    files = tuple(AFile(f"Content/pièce-{n:06}.txt", f"{n:012}\n".encode() * (size // 13)) for n in range(count))
    leaves = tuple(AUnit(f"Pièce {n}", files=(n,)) for n in range(count))
    return a_sip(path, ASip(files, (AUnit("Dossier", "File", units=leaves),)), container)


def a_sip_of_many_units(path: Path, count: int, files: int = 0) -> Path:
    """Write a SIP of `count` units under one, the first `files` of them with a file of 4 KiB."""
    contents = tuple(AFile(f"Content/{n:06}.txt", f"{n:012}\n".encode() * 315) for n in range(files))
    leaves = tuple(
        AUnit(
            f"Dossier individuel n° {n}",
            files=(n,) if n < files else (),
            description="Pièces relatives à la carrière de l’agent, classées par année.",
        )
        for n in range(count)
    )
    return a_sip(path, ASip(contents, (AUnit("Dossiers du personnel", "Series", units=leaves),)))


def a_sip_with_a_large_file(
    path: Path, size: int, container: ContainerFormat = ContainerFormat.ZIP, *, seed: bytes = b"\x5a"
) -> Path:
    """Write a SIP with one stored file of `size` bytes (a multiple of 1 MiB), holding 1 MiB at a time in memory."""
    block = hashlib.shake_256(seed).digest(1024**2)
    digest = hashlib.sha512()
    for _ in range(size // len(block)):
        digest.update(block)
    file = AFile("Content/grand.bin", b"", digest=digest.hexdigest(), size=size)
    manifest = a_manifest(ASip((file,)))
    if container is ContainerFormat.ZIP:
        with zipfile.ZipFile(path, "w") as package:
            package.writestr("manifest.xml", manifest)
            with package.open(zipfile.ZipInfo(file.path), "w", force_zip64=True) as entry:
                for _ in range(size // len(block)):
                    entry.write(block)
        return path
    with tempfile.TemporaryFile() as source, open_tar(path, container) as tar:
        for _ in range(size // len(block)):
            source.write(block)
        source.seek(0)
        _add(tar, "manifest.xml", len(manifest), io.BytesIO(manifest))
        _add(tar, file.path, size, source)
    return path


def _add(tar: tarfile.TarFile, name: str, size: int, stream: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    tar.addfile(member, stream)


def open_tar(path: Path, container: ContainerFormat) -> tarfile.TarFile:
    """Open a TAR to be written, compressed as `container` says."""
    if container is ContainerFormat.TAR_GZ:
        return tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=1)
    if container is ContainerFormat.TAR_BZ2:
        return tarfile.open(path, "w:bz2", format=tarfile.PAX_FORMAT, compresslevel=1)
    return tarfile.open(path, "w:", format=tarfile.PAX_FORMAT)


def codes(findings: Iterable[Finding]) -> list[str]:
    """Return the codes of findings, in order: what most tests compare."""
    return [finding.code for finding in findings]


def error_codes(findings: Iterable[Finding]) -> list[str]:
    """Return the codes of the errors, in order."""
    return codes(finding for finding in findings if finding.severity is Severity.ERROR)
