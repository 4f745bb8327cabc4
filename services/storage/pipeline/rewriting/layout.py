"""The names of an AIP's members, and what METS says of each (`docs/architecture.md`, *The AIP*)."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.packaging.tar import entry_length

METS = "METS.xml"
PREMIS = "metadata/preservation/premis.xml"
SIGNATURES = "metadata/preservation/signatures.json"
CATALOGUE = "metadata/descriptive/catalogue.ndjson"
SUBMISSION = "submission/manifest.xml"
DOCUMENTATION = "documentation/README.txt"
SCHEMA = "schemas/catalogue.schema.json"
DATA = "representations/original/data/"

SMALL = (METS, PREMIS, SIGNATURES, CATALOGUE, SUBMISSION, DOCUMENTATION, SCHEMA)
"""The members that describe the others, in their order; there may be no report on signatures."""

DESCRIBING = SMALL[:5]
"""Those that say something of this very AIP: written anew, their digests are kept."""


class UnreadablePackage(Exception):
    """These bytes are no AIP that can be written anew: they are not what was stored, or never were a package."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as METS lists it: its identifier there (empty for a document), name, size and raw SHA-512."""

    id: str
    name: str
    size: int
    sha512: bytes


def offsets(root: str, start: int, files: list[Listed]) -> Mapping[str, int]:
    """Return where the bytes of each file stand in the TAR whose first file's header is at `start`."""
    found = {}
    for file in files:
        header, padded = entry_length(f"{root}/{file.name}", file.size)
        found[file.name] = start + header
        start += header + padded
    return found
