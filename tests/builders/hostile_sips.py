"""Packages meant to harm: each is otherwise a valid SIP, so that only its malice refuses it."""

import io
import tarfile
import warnings
import zipfile
from pathlib import Path

from services.ingest.domain.sip import ContainerFormat
from tests.builders.sips import ASip, a_container, a_manifest, a_sip, open_tar

_MIB = 1024**2


def a_sip_with_entry(path: Path, name: str, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """One more entry of any name: ``../../etc/passwd``, ``/etc/passwd``, ``C:\\windows``…"""
    return a_sip(path, ASip(entries=((name, b"payload"),)), container)


def a_sip_with_a_symlink(path: Path, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """A file that is a symbolic link to /etc/passwd."""
    return _a_sip_with_a_member(path, container, tarfile.SYMTYPE, 0o120777)


def a_sip_with_a_device(path: Path, container: ContainerFormat = ContainerFormat.TAR) -> Path:
    """An entry that is a character device."""
    return _a_sip_with_a_member(path, container, tarfile.CHRTYPE, 0o020666)


def _a_sip_with_a_member(path: Path, container: ContainerFormat, kind: bytes, mode: int) -> Path:
    a_sip(path, ASip(), container)
    if container is ContainerFormat.ZIP:
        entry = zipfile.ZipInfo("Content/lien")
        entry.create_system, entry.external_attr = 3, mode << 16
        with zipfile.ZipFile(path, "a") as package:
            package.writestr(entry, "/etc/passwd")
        return path
    member = tarfile.TarInfo("Content/lien")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(path, "a") as package_tar:
        package_tar.addfile(member)
    return path


def a_sip_with_duplicate_names(path: Path, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """Two files of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return a_sip_with_entry(path, ASip().files[0].path, container)


def a_sip_with_two_manifests(path: Path, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """Two manifests at the root."""
    return a_sip_with_entry(path, "autre_manifest.xml", container)


def a_sip_without_manifest(path: Path, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """Files and no manifest."""
    return a_container(path, [("Content/a.txt", b"a")], container)


def a_bomb(path: Path, size: int = 1024**3, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """A valid SIP and `size` bytes of nothing, which compress a thousand times."""
    manifest = a_manifest(ASip())
    if container is ContainerFormat.ZIP:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as package:
            package.writestr("manifest.xml", manifest)
            with package.open("Content/rien.bin", "w", force_zip64=True) as entry:
                for _ in range(size // _MIB):
                    entry.write(bytes(_MIB))
        return path
    with open_tar(path, container) as tar:
        for name, length in (("manifest.xml", len(manifest)), ("Content/rien.bin", size)):
            member = tarfile.TarInfo(name)
            member.size = length
            tar.addfile(member, io.BytesIO(manifest if length != size else bytes(size)))
    return path


def a_sip_with_billion_laughs(path: Path) -> Path:
    """A manifest whose entities expand to gigabytes."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "ha">' for n in range(12))
    return _a_sip_with_prolog(path, f"<!DOCTYPE ArchiveTransfer [{levels}]>", "&l11;")


def a_sip_with_external_entity(path: Path, url: str = "file:///etc/passwd") -> Path:
    """A manifest that asks its reader for another file."""
    return _a_sip_with_prolog(path, f'<!DOCTYPE ArchiveTransfer [<!ENTITY x SYSTEM "{url}">]>', "&x;")


def _a_sip_with_prolog(path: Path, doctype: str, reference: str) -> Path:
    manifest = a_manifest(ASip()).decode()
    manifest = manifest.replace("?>\n", f"?>\n{doctype}\n", 1).replace("Séance du conseil", reference, 1)
    return a_sip(path, ASip(manifest=manifest.encode()))


def a_truncated_sip(path: Path, container: ContainerFormat = ContainerFormat.ZIP) -> Path:
    """The first two thirds of a valid SIP."""
    whole = a_sip(path, ASip(), container).read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path
