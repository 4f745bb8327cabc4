"""SEDA manifests: what a SIP is made of, and the ArchiveTransfer that says so."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4
from xml.sax.saxutils import escape, quoteattr

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_CODE_LISTS = (
    "ReplyCode",
    "MessageDigestAlgorithmCode",
    "MimeTypeCode",
    "EncodingCode",
    "FileFormatCode",
    "CompressionAlgorithmCode",
    "DataObjectVersionCode",
    "StorageRuleCode",
    "AppraisalRuleCode",
    "AccessRuleCode",
    "DisseminationRuleCode",
    "ReuseRuleCode",
    "ClassificationRuleCode",
)
# SEDA 2.2 and 2.3 add their own before these two.
_LAST_CODE_LISTS = ("AuthorizationReasonCode", "RelationshipCode")


@dataclass(frozen=True, slots=True)
class AFile:
    """One file and the data object that describes it; a field set to None is left out of the manifest.

    `digest` and `size` are the right ones unless given; `uri` is `path` unless given.
    """

    path: str
    content: bytes = PDF
    algorithm: str = "SHA-512"
    digest: str | None = ""
    size: int | None = -1
    uri: str | None = ""
    usage: str | None = "BinaryMaster_1"
    format_id: str | None = None


@dataclass(frozen=True, slots=True)
class AUnit:
    """One archive unit: its description and the positions of its files among the SIP's."""

    title: str
    level: str = "Item"
    files: tuple[int, ...] = ()
    description: str | None = None
    start_date: str | None = "2024-01-15"
    end_date: str | None = "2024-06-30"
    management: str = ""
    extra: str = ""
    units: tuple["AUnit", ...] = ()


@dataclass(frozen=True, slots=True)
class ASip:
    """What a SIP is made of; `manifest` replaces the one that would be written."""

    files: tuple[AFile, ...] = (AFile("Content/délibération n°12.pdf"), AFile("Content/annexe.txt", b"Annexe\n"))
    units: tuple[AUnit, ...] | None = None
    version: str = "2.1"
    message_identifier: str = field(default_factory=lambda: f"message-{uuid4()}")
    agreement: str | None = "ACCORD-1"
    originating_agency: str | None = "COMMUNE-1"
    archival_agency: str = "CDG"
    transferring_agency: str = "COMMUNE-1"
    management: str = ""
    objects_extra: str = ""
    manifest: bytes | None = None
    manifest_name: str = "manifest.xml"
    prefix: str = ""
    entries: tuple[tuple[str, bytes], ...] = ()
    archival_profile: str | None = None


def a_manifest(sip: ASip) -> bytes:
    """Return the ArchiveTransfer of a SIP."""
    units = sip.units
    if units is None:
        everything = tuple(AUnit(file.path.rpartition("/")[2], files=(n,)) for n, file in enumerate(sip.files))
        units = (AUnit("Conseil municipal du 15 janvier 2024", "RecordGrp", units=everything),)
    counter = iter(range(1, 10_000_000))
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        f'<ArchiveTransfer xmlns="fr:gouv:culture:archivesdefrance:seda:v{sip.version}">\n',
        "<Comment>Séance du conseil municipal</Comment>\n<Date>2024-07-01T10:00:00Z</Date>\n",
        f"<MessageIdentifier>{escape(sip.message_identifier)}</MessageIdentifier>\n",
        _element("ArchivalAgreement", sip.agreement),
        _code_lists(sip.version),
        "<DataObjectPackage>\n",
        *(_binary_object(n, file, sip.version) for n, file in enumerate(sip.files)),
        sip.objects_extra,
        "<DescriptiveMetadata>\n",
        *(text for unit in units for text in _unit(unit, counter)),
        "</DescriptiveMetadata>\n<ManagementMetadata>\n",
        _element("ArchivalProfile", sip.archival_profile),
        _element("OriginatingAgencyIdentifier", None if sip.version == "2.0" else sip.originating_agency),
        sip.management,
        "</ManagementMetadata>\n</DataObjectPackage>\n",
        f"<ArchivalAgency><Identifier>{escape(sip.archival_agency)}</Identifier></ArchivalAgency>\n",
        f"<TransferringAgency><Identifier>{escape(sip.transferring_agency)}</Identifier></TransferringAgency>\n",
        "</ArchiveTransfer>\n",
    ]
    return "".join(parts).encode()


def _element(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{escape(text)}</{name}>\n"


def _code_lists(version: str) -> str:
    hold = ("HoldRuleCode",) if version in {"2.2", "2.3"} else ()
    names = (*_CODE_LISTS, *hold, *_LAST_CODE_LISTS)
    lists = "".join(f"<{name}ListVersion>v1</{name}ListVersion>" for name in names)
    return f"<CodeListVersions>{lists}</CodeListVersions>\n"


def _binary_object(number: int, file: AFile, version: str) -> str:
    digest = file.digest
    if digest == "":
        plain = file.algorithm.lower().replace("-", "")
        digest = hashlib.new(plain, file.content).hexdigest() if plain in hashlib.algorithms_available else "00"
    size = len(file.content) if file.size == -1 else file.size
    declared_digest = (
        f"<MessageDigest algorithm={quoteattr(file.algorithm)}>{digest}</MessageDigest>\n" if digest else ""
    )
    declared_format = (
        f"<FormatIdentification><FormatId>{file.format_id}</FormatId></FormatIdentification>\n"
        if file.format_id
        else "<FormatIdentification/>\n"
        if version == "2.0"
        else ""
    )
    return (
        f'<BinaryDataObject id="obj-{number}">\n<DataObjectGroupId>grp-{number}</DataObjectGroupId>\n'
        + _element("DataObjectVersion", file.usage)
        + _element("Uri", file.path if file.uri == "" else file.uri)
        + declared_digest
        + (f"<Size>{size}</Size>\n" if size else "")
        + declared_format
        + f"<FileInfo><Filename>{escape(file.path.rpartition('/')[2])}</Filename></FileInfo>\n"
        "</BinaryDataObject>\n"
    )


def _unit(unit: AUnit, counter: Iterator[int]) -> Iterator[str]:
    yield f'<ArchiveUnit id="unit-{next(counter)}">\n'
    if unit.management:
        yield f"<Management>{unit.management}</Management>\n"
    yield (
        f"<Content><DescriptionLevel>{unit.level}</DescriptionLevel>\n<Title>{escape(unit.title)}</Title>\n"
        + _element("Description", unit.description)
        + _element("StartDate", unit.start_date)
        + _element("EndDate", unit.end_date)
        + f"{unit.extra}</Content>\n"
    )
    for child in unit.units:
        yield from _unit(child, counter)
    for number in unit.files:
        yield (
            f"<DataObjectReference><DataObjectGroupReferenceId>grp-{number}</DataObjectGroupReferenceId>"
            "</DataObjectReference>\n"
        )
    yield "</ArchiveUnit>\n"
