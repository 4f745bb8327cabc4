"""What an agreement may forgive of SEDA's grammar, by name: each was met in packages that other archives take.

A tolerance takes an element out of what the schema judges, and nothing else: the manifest is kept as it came, what
is beside the element must still be valid, and every other check sees it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

_BLOCKS: Final = ("Text", "Document", "Image", "Audio", "Video")


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Elements forgiven in a parent; `fr` and `en` say what becomes of them.

    `parents` are the last one or two names of the path of the element's parent. Forgiven are the `elements` of SEDA's
    namespace; where there are `others`, also those that no version of SEDA declares, or all of them.
    `versions` are those of SEDA in which they are forgiven, empty meaning all; `after` asks for a sibling of this
    name before them, `last` for none behind them.
    """

    parents: tuple[str, ...]
    elements: frozenset[str]
    fr: str
    en: str
    others: Literal["none", "undeclared", "all"] = "none"
    versions: frozenset[str] = frozenset()
    after: str = ""
    last: bool = False

    def forgives(self, version: str, element: str, before: Collection[str], declared: Collection[str]) -> bool:
        """Say whether it forgives an element of its parents, which stands after siblings named `before`."""
        other = self.others == "all" or (self.others == "undeclared" and element not in declared)
        here = not self.versions or version in self.versions
        return here and (other or element in self.elements) and (not self.after or self.after in before)


_KEPT = (
    "il est conservé dans le bordereau et n’a pas d’autre effet",
    "it is kept in the manifest and has no other effect",
)
_DESCRIBED = (
    "il est conservé dans le bordereau et dans la description",
    "it is kept in the manifest and in the description",
)

FAR_DATES: Final = "far_dates"
"""A tolerance of values: rules that start, or whose hold ends, in the year 9000 or after, are told of and kept."""

TOLERANCES: Final[Mapping[str, Tolerance]] = MappingProxyType(
    {
        "update_operation": Tolerance(
            ("ArchiveUnit/Management",),
            frozenset({"UpdateOperation"}),
            "il est conservé dans le bordereau ; le rattachement demandé n’est pas effectué",
            "it is kept in the manifest; the attachment that it asks for is not carried out",
        ),
        "hold_rule_before_2_2": Tolerance(
            ("ArchiveUnit/Management", "DataObjectPackage/ManagementMetadata"),
            frozenset({"HoldRule"}),
            "la règle de gel est lue comme en SEDA 2.2",
            "the hold rule is read as in SEDA 2.2",
            versions=frozenset({"2.0", "2.1"}),
        ),
        "later_content": Tolerance(
            ("ArchiveUnit/Content",),
            frozenset({"Agent", "SigningInformation", "PersistentIdentifier"}),
            *_DESCRIBED,
            versions=frozenset({"2.0", "2.1", "2.2"}),
        ),
        "agencies_in_2_0": Tolerance(
            ("DataObjectPackage/ManagementMetadata",),
            frozenset({"OriginatingAgencyIdentifier", "SubmissionAgencyIdentifier"}),
            "il est lu comme en SEDA 2.1",
            "it is read as in SEDA 2.1",
            versions=frozenset({"2.0"}),
        ),
        "signature_in_2_3": Tolerance(
            ("ArchiveUnit/Content",), frozenset({"Signature"}), *_DESCRIBED, versions=frozenset({"2.3"}), last=True
        ),
        "signing_information_extended": Tolerance(
            ("Content/SigningInformation",), frozenset({"Extended"}), *_DESCRIBED, versions=frozenset({"2.3"})
        ),
        "management_metadata_order": Tolerance(
            ("DataObjectPackage/ManagementMetadata",),
            frozenset({"ArchivalProfile", "ServiceLevel"}),
            "il est lu bien qu’il ne soit pas à sa place",
            "it is read although it is out of place",
            after="OriginatingAgencyIdentifier",
        ),
        "free_content": Tolerance(("ArchiveUnit/Content",), frozenset(), *_DESCRIBED, "undeclared"),
        "free_management": Tolerance(
            ("ArchiveUnit/Management", "DataObjectPackage/ManagementMetadata"), frozenset(), *_KEPT, "undeclared"
        ),
        "free_technical_metadata": Tolerance(
            (*(f"Metadata/{block}" for block in _BLOCKS), "BinaryDataObject/OtherMetadata"),
            frozenset(),
            *_KEPT,
            "all",
        ),
        "metadata_blocks": Tolerance(
            ("BinaryDataObject/Metadata",), frozenset({"OtherMetadata"}), *_KEPT, "undeclared"
        ),
        "physical_description": Tolerance(
            ("/PhysicalDataObject",),
            frozenset({"OtherMetadata", "Extent", "Dimensions", "Color", "Framing", "Technique"}),
            *_KEPT,
        ),
        "unit_metadata": Tolerance(("/ArchiveUnit",), frozenset({"Metadata"}), *_KEPT),
    }
)
"""By the names that agreements use (`shared/messages/admin.py:SchemaTolerance`, which has `FAR_DATES` too); the first
that fits an element counts."""
