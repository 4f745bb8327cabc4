"""The documents of a profile: one, or several in a ZIP, with the one in which it begins."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from shared.profiles.faults import ProfileFault

SINGLE: Final = "profile.xml"
"""What the only document of a profile is called."""

MOST_DOCUMENTS: Final = 200
_LONGEST_NAME: Final = 200
_LONGEST_PART: Final = 255
"""Bytes of a file's name on the disks there are."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Documents by their names (relative paths), and the name of that in which the profile begins."""

    documents: Mapping[str, bytes]
    entry: str


def is_zip(content: bytes) -> bool:
    """Say whether content is a ZIP of documents, by its first bytes."""
    return content.startswith(b"PK\x03\x04")


def unbundled(content: bytes, entry: str | None, limit: int) -> Bundle:
    """Return the documents in `content`: at most `limit` bytes of them, counted as they are expanded.

    Raises `ProfileFault`.
    """
    if not content.strip():
        raise ProfileFault("profile_empty", "Le profil est vide.", "The profile is empty.")
    if not is_zip(content):
        if entry is not None:
            raise ProfileFault(
                "entry_without_zip",
                "Seul un ZIP a un document d'entrée (entry) : ce profil est un seul document.",
                "Only a ZIP has an entry document: this profile is a single document.",
            )
        return Bundle({SINGLE: content}, SINGLE)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            documents = dict(_documents(archive, limit))
    # The standard library raises all of these for what is damaged, behind a password, or not as it says.
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _unreadable() from error
    return Bundle(documents, _entry(documents, entry))


def _documents(archive: zipfile.ZipFile, limit: int) -> Iterator[tuple[str, bytes]]:
    files = [each for each in archive.infolist() if not each.is_dir()]
    if len(files) > MOST_DOCUMENTS:
        raise ProfileFault(
            "too_many_documents",
            f"Ce ZIP contient plus de {MOST_DOCUMENTS} documents.",
            f"This ZIP holds more than {MOST_DOCUMENTS} documents.",
        )
    seen: set[str] = set()
    left = limit
    for each in files:
        name = _name(each.filename, seen)
        if each.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise _unreadable()
        with archive.open(each) as stream:
            # What a ZIP says of its sizes is its maker's word: what comes is counted.
            document = stream.read(left + 1)
        left -= len(document)
        if left < 0:
            raise too_large(limit)
        yield name, document


def _unreadable() -> ProfileFault:
    return ProfileFault(
        "unreadable_zip",
        "Ce ZIP ne peut être lu : il est endommagé, protégé, ou compressé autrement que par deflate.",
        "This ZIP cannot be read: it is damaged, protected, or compressed otherwise than by deflate.",
    )


def _name(name: str, seen: set[str]) -> str:
    plain = name and len(name) <= _LONGEST_NAME and name.isprintable() and not set(name) & set('\\:?#%"')
    inside = plain and not name.startswith("/") and posixpath.normpath(name) == name and not name.startswith("..")
    short = all(len(part.encode()) <= _LONGEST_PART for part in name.split("/"))
    # On some disks two names that differ by case alone are one; on none is a name both a document and a folder.
    plainly = name.lower()
    folders = {plainly[:end] for end, letter in enumerate(plainly) if letter == "/"}
    clashes = plainly in seen or folders & seen or any(other.startswith(f"{plainly}/") for other in seen)
    if not inside or not short or clashes:
        raise ProfileFault(
            "document_name",
            f"Nom de document refusé dans le ZIP (doublon, ou chemin qui n'est pas simple) : « {name[:80]} ».",
            f"A document's name in the ZIP is refused (a duplicate, or no plain path): “{name[:80]}”.",
            document=name[:_LONGEST_NAME],
        )
    seen.add(plainly)
    return name


def too_large(limit: int) -> ProfileFault:
    """Return what is said of a profile of more than `limit` bytes."""
    return ProfileFault(
        "profile_too_large",
        f"Le profil, une fois décompressé, dépasse {limit} octets.",
        f"The profile, once expanded, exceeds {limit} bytes.",
    )


def _entry(documents: Mapping[str, bytes], entry: str | None) -> str:
    if entry is None and len(documents) == 1:
        return next(iter(documents))
    if entry is None or entry not in documents:
        named = ", ".join(sorted(documents)[:10])
        raise ProfileFault(
            "entry_unknown",
            f"Dites par « entry » dans quel document du ZIP le profil commence ; il contient : {named}.",
            f"Say by “entry” in which document of the ZIP the profile begins; it holds: {named}.",
        )
    return entry
