"""How much one deposit may weigh before we stop reading it."""

from dataclasses import dataclass

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are enforced while bytes arrive, never after; each refusal names its bound."""

    max_files: int = 200_000
    """Entries of the container, folders included."""

    max_expanded_bytes: int = 220 * GIB
    """Bytes of the package once expanded."""

    max_ratio: int = 200
    """Expanded bytes for one byte received; honest deposits stay under 100 (text compresses to 2-10 %)."""

    ratio_floor: int = 256 * MIB
    """Under this many expanded bytes no ratio is suspicious: they are cheap to read."""

    max_path_bytes: int = 1024
    """Bytes of a path in UTF-8: a quarter of what Linux takes, room for the folders of an AIP."""

    max_manifest_bytes: int = 512 * MIB
    """Ten times a manifest of 100,000 units."""

    max_manifest_gap: int = 4 * MIB
    """Bytes of manifest in which no SEDA element begins or ends: an embedded file, not a description."""

    max_manifest_depth: int = 200
    """Units within units, elements within a description."""

    max_units: int = 500_000
    """Units of one manifest."""

    max_schema_errors: int = 50
    """Schema errors told to the depositor; the first ones cause most of the others."""

    max_findings_per_code: int = 500
    """Findings of one code listed before they are only counted."""

    max_archive_depth: int = 3
    """Archives within archives, a file of the package being the first: what is deeper nobody will ever look at."""

    max_signed_bytes: int = 128 * MIB
    """Bytes of a PDF or CMS file whose signatures are validated; CMS takes some three times as much in memory."""

    max_signed_xml_bytes: int = 32 * MIB
    """The same of an XML file, which takes thirteen times as much in memory."""

    max_objects: int = 500_000
    """Data objects and their groups of one manifest."""

    max_links: int = 1_000_000
    """References of one manifest from a unit or an object to another."""

    max_rules: int = 1_000_000
    """Management rules of one manifest, categories and refused rules included."""

    max_open_elements: int = 200_000
    """Elements, attributes and texts of one description, or of one other thing that is read at once."""

    max_attributes: int = 200
    """Attributes of one element of a description: SEDA has a few."""
