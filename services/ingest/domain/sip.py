"""A SIP as read: the container's files, and the SEDA manifest as flat, small records."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.ingest.domain.signatures import SignatureReport


class ContainerFormat(StrEnum):
    """The four containers a SIP may come in."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """One file of the package as we measured it while reading it once.

    `path` is relative to the folder of the manifest; `size` in bytes; `sha512` and `digests`
    (algorithm → digest, for the algorithms the depositor used) in lower-case hex; `puid` is PRONOM's
    identifier or None when unidentified.
    """

    path: str
    size: int
    sha512: str
    digests: Mapping[str, str]
    puid: str | None = None
    format_name: str | None = None
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the container holds. `prefix` is the top folder to strip (``""`` or ending in ``/``).

    `signatures` is None where no agreement asked for them.
    """

    format: ContainerFormat
    manifest_path: str
    prefix: str
    files: tuple[MeasuredFile, ...]
    signatures: SignatureReport | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """The envelope of the ArchiveTransfer; texts stripped, None when absent."""

    seda_version: str
    message_identifier: str
    date: str
    archival_agreement: str | None
    archival_agency: str | None
    transferring_agency: str | None
    comment: str | None = None
    archival_profile: str | None = None
    originating_agency: str | None = None
    submission_agency: str | None = None
    acquisition_information: str | None = None
    legal_status: str | None = None
    service_level: str | None = None


class ObjectKind(StrEnum):
    """Binary objects are files of the package; physical ones are described only."""

    BINARY = "binary"
    PHYSICAL = "physical"


@dataclass(frozen=True, slots=True)
class DataObject:
    """One BinaryDataObject or PhysicalDataObject; `line` is its line in the manifest.

    `inline` tells of an Attachment (base64 content in the manifest) in place of a Uri.
    """

    id: str
    kind: ObjectKind
    line: int
    group: str | None = None
    uri: str | None = None
    digest: str | None = None
    algorithm: str | None = None
    size: int | None = None
    usage: str | None = None
    format_id: str | None = None
    mime: str | None = None
    filename: str | None = None
    physical_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One management rule as found; `category` is the SEDA element (AppraisalRule…)."""

    category: str
    code: str | None
    start_date: str | None = None
    final_action: str | None = None
    hold_end_date: str | None = None


@dataclass(frozen=True, slots=True)
class RuleCategory:
    """A category as borne by a unit: its rules and what it refuses to inherit."""

    category: str
    rules: tuple[Rule, ...]
    final_action: str | None = None
    prevent_inheritance: bool | None = None
    ref_non_rule_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """One ArchiveUnit that bears content.

    `children` are XML ids of units below it (nested or by reference, references resolved);
    `object_refs` are ids of objects or groups as written; dates keep the depositor's text;
    `content` is the SEDA Content as compact JSON text (element names as keys).
    """

    id: str
    line: int
    level: str | None
    title: str | None
    description: str | None
    start_date: str | None
    end_date: str | None
    children: tuple[str, ...]
    object_refs: tuple[str, ...]
    rules: tuple[RuleCategory, ...]
    content: str
    profile: str | None = None
    system_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of an identifier: who points (`source`, `line`), at what (`target`), in which element."""

    element: str
    source: str
    target: str
    line: int


class Role(StrEnum):
    """What an agency is in a transfer (SEDA 2.x)."""

    ARCHIVAL = "archival"
    TRANSFERRING = "transferring"
    ORIGINATING = "originating"
    SUBMISSION = "submission"


@dataclass(frozen=True, slots=True)
class NamedAgency:
    """An agency that the manifest names in one element, `count` times; `line` and `unit` are those of the first.

    `unit` is ``""`` where it is named for the whole transfer.
    """

    role: Role
    element: str
    identifier: str
    line: int
    unit: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The whole manifest, flat. `groups` maps a group id to its object ids.

    `identifiers` lists every declared XML identifier with its line, duplicates included;
    `references` every IDREF. `roots` are the units no other unit holds.
    """

    header: Header
    objects: tuple[DataObject, ...]
    groups: Mapping[str, tuple[str, ...]]
    units: tuple[Unit, ...]
    roots: tuple[str, ...]
    management: tuple[RuleCategory, ...]
    identifiers: tuple[tuple[str, int], ...]
    references: tuple[Reference, ...]
    agencies: tuple[NamedAgency, ...] = ()
