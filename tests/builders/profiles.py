"""Archival profiles, small and of our own: each kind, for what a PES-like deposit may hold."""

import io
import zipfile
from collections.abc import Mapping
from typing import Final

SEDA: Final = "fr:gouv:culture:archivesdefrance:seda:v{}"
_XSD: Final = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified" targetNamespace'

# Whatever the rest is: anything of any name, and of any depth.
_ANYTHING: Final = """
  <define name="anything">
    <zeroOrMore><choice>
      <text/>
      <attribute><anyName/></attribute>
      <element><anyName/><ref name="anything"/></element>
    </choice></zeroOrMore>
  </define>"""


def relaxng(*, version: str = "2.1", files: str = "1", level: str = "") -> str:
    """RELAX NG: one archive unit for the whole transfer, with exactly as many references as `files` says: 1 or more.

    With `level`, the unit's level of description is that one.
    """
    wanted = f"<value>{level}</value>" if level else "<text/>"
    reference = '<element name="DataObjectReference"><ref name="anything"/></element>'
    references = reference if files == "1" else f"<oneOrMore>{reference}</oneOrMore>"
    return f"""<grammar xmlns="http://relaxng.org/ns/structure/1.0" ns="{SEDA.format(version)}">
  <start><element name="ArchiveTransfer">
    <ref name="attributes"/>
    <zeroOrMore><element><anyName><except><name>DataObjectPackage</name></except></anyName>
      <ref name="anything"/></element></zeroOrMore>
    <element name="DataObjectPackage">
      <ref name="attributes"/>
      <zeroOrMore><element><anyName><except><name>DescriptiveMetadata</name></except></anyName>
        <ref name="anything"/></element></zeroOrMore>
      <element name="DescriptiveMetadata">
        <element name="ArchiveUnit">
          <ref name="attributes"/>
          <optional><element name="Management"><ref name="anything"/></element></optional>
          <element name="Content">
            <element name="DescriptionLevel">{wanted}</element>
            <zeroOrMore><element><anyName><except><name>DescriptionLevel</name></except></anyName>
              <ref name="anything"/></element></zeroOrMore>
          </element>
          {references}
        </element>
      </element>
      <element name="ManagementMetadata"><ref name="anything"/></element>
    </element>
    <zeroOrMore><element><anyName><except><name>DataObjectPackage</name></except></anyName>
      <ref name="anything"/></element></zeroOrMore>
  </element></start>
  <define name="attributes"><zeroOrMore><attribute><anyName/></attribute></zeroOrMore></define>{_ANYTHING}
</grammar>"""


def xsd(body: str, version: str = "2.1") -> str:
    """A schema of SEDA's namespace with these declarations."""
    return f'<xs:schema {_XSD}="{SEDA.format(version)}" xmlns="{SEDA.format(version)}">{body}</xs:schema>'


def transfer(*, units: str = "1", assertion: str = "", version: str = "2.1", required: str = "") -> str:
    """XSD: at most `units` archive units at the top; with `assertion` (XSD 1.1), what the transfer must be like.

    Each unit at the top has the attribute `required`, if one is named.
    """
    lax = '<xs:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>'
    skipped = f'<xs:complexType mixed="true"><xs:sequence>{lax}</xs:sequence>{{}}</xs:complexType>'
    attributes = '<xs:anyAttribute processContents="skip"/>'
    if assertion:
        rule = f'{attributes}<xs:assert test="{assertion}" xpathDefaultNamespace="##targetNamespace"/>'
        return xsd(f'<xs:element name="ArchiveTransfer">{skipped.format(rule)}</xs:element>', version)
    names = ("Comment", "Date", "MessageIdentifier", "ArchivalAgreement", "CodeListVersions")
    anything = skipped.format(attributes)
    head = "".join(f'<xs:element name="{name}" minOccurs="0" type="any"/>' for name in names)
    tail = "".join(
        f'<xs:element name="{name}" minOccurs="0" type="any"/>'
        for name in (
            "RelatedTransferReference",
            "TransferRequestReplyIdentifier",
            "ArchivalAgency",
            "TransferringAgency",
        )
    )
    objects = '<xs:choice minOccurs="0" maxOccurs="unbounded">' + "".join(
        f'<xs:element name="{name}" type="any"/>'
        for name in ("DataObjectGroup", "BinaryDataObject", "PhysicalDataObject")
    )
    described = (
        '<xs:element name="DescriptiveMetadata"><xs:complexType><xs:sequence>'
        f'<xs:element name="ArchiveUnit" type="{"unit" if required else "any"}" maxOccurs="{units}"/>'
        "</xs:sequence></xs:complexType></xs:element>"
    )
    package = (
        '<xs:element name="DataObjectPackage"><xs:complexType><xs:sequence>'
        f'{objects}</xs:choice>{described}<xs:element name="ManagementMetadata" type="any"/>'
        f"</xs:sequence>{attributes}</xs:complexType></xs:element>"
    )
    root = f"<xs:complexType><xs:sequence>{head}{package}{tail}</xs:sequence>{attributes}</xs:complexType>"
    named = anything.replace("<xs:complexType", '<xs:complexType name="any"', 1)
    unit = f'<xs:attribute name="{required}" use="required"/>{attributes}' if required else attributes
    named += skipped.format(unit).replace("<xs:complexType", '<xs:complexType name="unit"', 1)
    return xsd(f'{named}<xs:element name="ArchiveTransfer">{root}</xs:element>', version)


def zipped(documents: Mapping[str, str | bytes]) -> bytes:
    """A ZIP of documents, in the order given."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in documents.items():
            archive.writestr(name, content)
    return made.getvalue()
