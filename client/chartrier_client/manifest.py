"""Write the SEDA ArchiveTransfer message of a package (standard SEDA 2.1, 2.2 and 2.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import IO

from chartrier_client.description import Envelope, Rule, RuleCategory, SedaVersion, SourceFile, Unit
from chartrier_client.xml_writer import XmlWriter

NAMESPACE = "fr:gouv:culture:archivesdefrance:seda:v{version}"

# Names of the code lists both sides agree upon; SEDA wants the element even when nothing is agreed.
CODE_LISTS = (
    ("ReplyCodeListVersion", "ReplyCodeListVersion0"),
    ("MessageDigestAlgorithmCodeListVersion", "MessageDigestAlgorithmCodeListVersion0"),
    ("MimeTypeCodeListVersion", "MimeTypeCodeListVersion0"),
    ("FileFormatCodeListVersion", "FileFormatCodeListVersion0"),
    ("DataObjectVersionCodeListVersion", "DataObjectVersionCodeListVersion0"),
    ("AppraisalRuleCodeListVersion", "AppraisalRuleCodeListVersion0"),
    ("AccessRuleCodeListVersion", "AccessRuleCodeListVersion0"),
)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as it went into the package: the digest and size are those of the bytes written."""

    id: str
    group: str
    unit: str
    uri: str
    source: SourceFile
    sha512: str
    size: int


@dataclass(slots=True)
class UnitNode:
    """A unit in its tree: who is below it and which object groups it refers to."""

    id: str
    unit: Unit
    depth: int
    children: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def write_manifest(
    out: IO[bytes],
    version: SedaVersion,
    envelope: Envelope,
    nodes: Mapping[str, UnitNode],
    files: Sequence[WrittenFile],
) -> None:
    """Write the whole message; `nodes` are in the order the roots and children were added."""
    with (
        XmlWriter(out, NAMESPACE.format(version=version)) as xml,
        xml.element("ArchiveTransfer"),
    ):
        _header(xml, envelope)
        with xml.element("DataObjectPackage"):
            for written in files:
                _object(xml, written)
            with xml.element("DescriptiveMetadata"):
                for node in nodes.values():
                    if node.depth == 0:
                        _unit(xml, node, nodes)
            _management_metadata(xml, envelope)
        for party, identifier in (
            ("ArchivalAgency", envelope.archival_agency),
            ("TransferringAgency", envelope.transferring_agency),
        ):
            _organization(xml, party, identifier)


def _header(xml: XmlWriter, envelope: Envelope) -> None:
    xml.leaf("Comment", envelope.comment)
    xml.leaf("Date", envelope.date.isoformat())
    xml.leaf("MessageIdentifier", envelope.message_identifier)
    xml.leaf("ArchivalAgreement", envelope.agreement)
    with xml.element("CodeListVersions"):
        for name, version in CODE_LISTS:
            xml.leaf(name, version)


def _organization(xml: XmlWriter, name: str, identifier: str | None) -> None:
    if identifier is not None:
        with xml.element(name):
            xml.leaf("Identifier", identifier)


def _object(xml: XmlWriter, written: WrittenFile) -> None:
    source = written.source
    with xml.element("DataObjectGroup", id=written.group), xml.element("BinaryDataObject", id=written.id):
        xml.leaf("DataObjectVersion", source.usage)
        xml.leaf("Uri", written.uri)
        xml.leaf("MessageDigest", written.sha512, algorithm="SHA-512")
        # Size is a positive integer in SEDA: an empty file can only leave it out.
        xml.leaf("Size", written.size or None)
        if source.mime or source.format_id:
            with xml.element("FormatIdentification"):
                xml.leaf("MimeType", source.mime)
                xml.leaf("FormatId", source.format_id)
        with xml.element("FileInfo"):
            xml.leaf("Filename", source.name)


def _unit(xml: XmlWriter, node: UnitNode, nodes: Mapping[str, UnitNode]) -> None:
    with xml.element("ArchiveUnit", id=node.id):
        if node.unit.rules:
            with xml.element("Management"):
                _rules(xml, node.unit.rules)
        with xml.element("Content"):
            _content(xml, node.unit)
        for child in node.children:
            _unit(xml, nodes[child], nodes)
        for group in node.groups:
            with xml.element("DataObjectReference"):
                xml.leaf("DataObjectGroupReferenceId", group)


def _rules(xml: XmlWriter, rules: Sequence[Rule]) -> None:
    order = list(RuleCategory)
    by_category = sorted(rules, key=lambda rule: order.index(rule.category))
    for category, group in groupby(by_category, key=lambda rule: rule.category):
        with xml.element(category):
            final_action = None
            for rule in group:
                xml.leaf("Rule", rule.code)
                xml.leaf("StartDate", rule.start_date)
                final_action = rule.final_action
            xml.leaf("FinalAction", final_action)


def _content(xml: XmlWriter, unit: Unit) -> None:
    # The order is the schema's; it is part of the standard.
    xml.leaf("DescriptionLevel", unit.level)
    xml.leaf("Title", unit.title)
    xml.leaf("FilePlanPosition", unit.file_plan_position)
    xml.leaf("OriginatingAgencyArchiveUnitIdentifier", unit.identifier)
    xml.leaf("Description", unit.description)
    xml.leaf("DocumentType", unit.document_type)
    xml.leaf("Language", unit.language)
    for keyword in unit.keywords:
        with xml.element("Keyword"):
            xml.leaf("KeywordContent", keyword.content)
            xml.leaf("KeywordReference", keyword.reference)
            xml.leaf("KeywordType", keyword.kind)
    _organization(xml, "OriginatingAgency", unit.originating_agency)
    xml.leaf("CreatedDate", unit.created_date)
    xml.leaf("TransactedDate", unit.transacted_date)
    xml.leaf("AcquiredDate", unit.acquired_date)
    xml.leaf("SentDate", unit.sent_date)
    xml.leaf("ReceivedDate", unit.received_date)
    xml.leaf("RegisteredDate", unit.registered_date)
    xml.leaf("StartDate", unit.start_date)
    xml.leaf("EndDate", unit.end_date)


def _management_metadata(xml: XmlWriter, envelope: Envelope) -> None:
    with xml.element("ManagementMetadata"):
        xml.leaf("LegalStatus", envelope.legal_status)
        xml.leaf("OriginatingAgencyIdentifier", envelope.originating_agency)
        xml.leaf("SubmissionAgencyIdentifier", envelope.submission_agency)
