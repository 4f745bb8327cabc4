"""Where everything stands in an AIP: member names, and the place of each file in the TAR.

E-ARK CSIP 2.1 §3 and E-ARK AIP 2.2 §4 give the folders; the order of the members is ours (the small
ones that describe the others come first, so that one range read gets them all).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from services.ingest.domain.sip import DataObject, Inventory, Manifest, MeasuredFile, ObjectKind
from services.ingest.pipeline.container.names import clean_path, path_key
from shared.packaging.tar import entry_length

METS = "METS.xml"
PREMIS = "metadata/preservation/premis.xml"
SIGNATURES = "metadata/preservation/signatures.json"
CATALOGUE = "metadata/descriptive/catalogue.ndjson"
SUBMISSION = "submission/manifest.xml"
DOCUMENTATION = "documentation/README.txt"
SCHEMA = "schemas/catalogue.schema.json"
DATA = "representations/original/data/"


class AipMismatch(Exception):
    """The SIP being packed is not the one that was checked; no AIP may come of it."""


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A file of the SIP and its place: `name` in the AIP (without the root), `offset` of its bytes.

    `offset` counts from the first member of ``representations/``, because what stands before is
    only known once the catalogue, which holds these very offsets, has its length.
    """

    file: MeasuredFile
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class Data:
    """The files of the representation in their order, and the objects they belong to (by XML identifier)."""

    files: tuple[PlacedFile, ...]
    by_object: Mapping[str, PlacedFile]

    @property
    def size(self) -> int:
        """Return the bytes of all the files together."""
        return sum(placed.file.size for placed in self.files)


def lay_out(inventory: Inventory, manifest: Manifest, root: str) -> Data:
    """Give each file its place; every binary object has its file, and every file its object or is a copy of one."""
    files = _place(inventory, root)
    paths = {path_key(placed.file.path): placed for placed in files}
    by_object = {
        found.id: _file_of(found, paths)
        for found in manifest.objects
        if found.kind is ObjectKind.BINARY and not found.inline
    }
    claimed = {path_key(placed.file.path) for placed in by_object.values()}
    described = {placed.file.sha512 for placed in by_object.values()}
    copies = {key for key, placed in paths.items() if placed.file.sha512 in described}
    if len(paths) != len(files) or len(claimed) != len(by_object) or claimed | copies != paths.keys():
        raise AipMismatch("files and binary data objects do not correspond one to one")
    return Data(files, by_object)


def _place(inventory: Inventory, root: str) -> tuple[PlacedFile, ...]:
    manifest = inventory.manifest_path.removeprefix(inventory.prefix)
    placed = []
    position = 0
    for file in inventory.files:
        if file.path == manifest:
            continue
        name = DATA + file.path
        header, padded = entry_length(f"{root}/{name}", file.size)
        placed.append(PlacedFile(file, name, position + header))
        position += header + padded
    return tuple(placed)


def _file_of(found: DataObject, paths: Mapping[str, PlacedFile]) -> PlacedFile:
    # A Uri is an xsd:anyURI: some tools percent-encode the file name, most write it as it is.
    for path in (found.uri or "", unquote(found.uri or "")):
        if (key := path_key(clean_path(path))) in paths:
            return paths[key]
    raise AipMismatch(f"data object {found.id} names no file of the package")


def members_length(root: str, sizes: Iterable[tuple[str, int]]) -> int:
    """Return the bytes that these members take in the TAR, headers and padding included."""
    return sum(sum(entry_length(f"{root}/{name}", size)) for name, size in sizes)
