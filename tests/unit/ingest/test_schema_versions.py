"""What sets one version of SEDA apart from the next, each on one manifest that is valid in all four."""

import pytest
from lxml import etree

from services.ingest.pipeline.schema import NAMESPACES, load_schema

VERSIONS = tuple(NAMESPACES)
SINCE_2_1 = "2.1 2.2 2.3"

TRANSFER = """
  <Date>2026-01-05T09:00:00+01:00</Date>
  <MessageIdentifier>V-2026-1</MessageIdentifier>
  <CodeListVersions>
    <ReplyCodeListVersion>1</ReplyCodeListVersion>
    <MessageDigestAlgorithmCodeListVersion>1</MessageDigestAlgorithmCodeListVersion>
    <FileFormatCodeListVersion>1</FileFormatCodeListVersion>
  </CodeListVersions>
  <DataObjectPackage>
    <BinaryDataObject id="B1">
      <DataObjectGroupId>G1</DataObjectGroupId>
      <DataObjectVersion>BinaryMaster_1</DataObjectVersion>
      <Uri>Content/deliberation.pdf</Uri>
      <MessageDigest algorithm="SHA-512">0a1b2c3d</MessageDigest>
      <Size>1024</Size>
      <FormatIdentification><FormatId>fmt/354</FormatId></FormatIdentification>
      <OtherMetadata><w:words xmlns:w="urn:exemple">1200</w:words></OtherMetadata>
    </BinaryDataObject>
    <PhysicalDataObject id="P1"><PhysicalId>1 D 12</PhysicalId></PhysicalDataObject>
    <DescriptiveMetadata>
      <ArchiveUnit id="U1">
        <Management>
          <AccessRule><Rule id="R1">AR048</Rule></AccessRule>
          <NeedAuthorization>true</NeedAuthorization>
        </Management>
        <Content>
          <DescriptionLevel>Item</DescriptionLevel>
          <Title>Délibération du 12 décembre</Title>
          <Writer><FirstName>Anne</FirstName><BirthName>Exemple</BirthName><Function>maire</Function></Writer>
          <RelatedObjectReference>
            <Replaces><RepositoryObjectPID>ark:/1/a</RepositoryObjectPID></Replaces>
          </RelatedObjectReference>
          <StartDate>2025-12-12</StartDate>
          <Event><EventDateTime>2025-12-12T20:30:00</EventDateTime></Event>
          <Gps/>
        </Content>
        <DataObjectReference><DataObjectGroupReferenceId>G1</DataObjectGroupReferenceId></DataObjectReference>
      </ArchiveUnit>
    </DescriptiveMetadata>
    <ManagementMetadata><ArchivalProfile>PES</ArchivalProfile></ManagementMetadata>
  </DataObjectPackage>
  <ArchivalAgency><Identifier>AD-00</Identifier></ArchivalAgency>
  <TransferringAgency><Identifier>MAIRIE-00</Identifier></TransferringAgency>"""

SIGNER = "<Signer><Corpname>Mairie</Corpname><SigningTime>2025-12-12T20:30:00</SigningTime></Signer>"
VERIFIED = """<Validator><Corpname>Mairie</Corpname><ValidationTime>2025-12-12T20:30:00</ValidationTime></Validator>
  <ReferencedObject>
    <SignedObjectId>B1</SignedObjectId><SignedObjectDigest algorithm="SHA-512">0a1b</SignedObjectDigest>
  </ReferencedObject>"""
SIGNING = "<SigningInformation><SigningRole>SignedDocument</SigningRole>{}</SigningInformation>"
PID = """<PersistentIdentifier>
  <PersistentIdentifierType>ark</PersistentIdentifierType>
  <PersistentIdentifierContent>ark:/1/a</PersistentIdentifierContent>
</PersistentIdentifier>"""
VERSION = "<DataObjectVersion>BinaryMaster_1</DataObjectVersion>"
EVENT = "<Event><EventDateTime>2025-12-12T20:30:00</EventDateTime>{}</Event>"
NEXT_TO_PROFILE = "<ArchivalProfile>PES</ArchivalProfile>"

# What is said → (the versions that accept it, what the manifest says, what it says instead)
DIFFERENCES = {
    "a description twice": (
        "2.0",
        "<Content>",
        "<Content><DescriptionLevel>Item</DescriptionLevel><Title/></Content><Content>",
    ),
    "a restriction on a description": (
        "2.0",
        "<Content>",
        '<Content restrictionRuleIdRef="R1" restrictionValue="x">',
    ),
    "a nationality with structure": ("2.0", "<Function>", "<Nationality><France/></Nationality><Function>"),
    "one date of a signature": (
        "2.0",
        "<Gps/>",
        f"<Signature><DateSignature>2025-12-12T20:30:00</DateSignature>{SIGNER}{VERIFIED}</Signature>",
    ),
    "no code list": (SINCE_2_1, "<ReplyCodeListVersion>1</ReplyCodeListVersion>", ""),
    "no level": (SINCE_2_1, "<DescriptionLevel>Item</DescriptionLevel>", ""),
    "another level": (SINCE_2_1, ">Item<", ">OtherLevel<"),
    "no title": (SINCE_2_1, "<Title>Délibération du 12 décembre</Title>", ""),
    "two languages": (SINCE_2_1, "<Writer>", "<Language>fr</Language><Language>oc</Language><Writer>"),
    "a year for a date": (SINCE_2_1, ">2025-12-12</StartDate>", ">2025</StartDate>"),
    "a full name": (SINCE_2_1, "<Function>", "<FullName>Anne Exemple</FullName><Function>"),
    "a body that writes": (
        SINCE_2_1,
        "<FirstName>Anne</FirstName><BirthName>Exemple</BirthName>",
        "<Corpname>Mairie</Corpname>",
    ),
    "a sender": (SINCE_2_1, "</Writer>", "</Writer><Sender><Corpname>Mairie</Corpname></Sender>"),
    "an addressee with a function": (
        SINCE_2_1,
        "</Writer>",
        "</Writer><Addressee><Corpname>Mairie</Corpname><Function>maire</Function></Addressee>",
    ),
    "the outcome of an event": (SINCE_2_1, EVENT.format(""), EVENT.format("<Outcome>OK</Outcome>")),
    "a reference outside": (
        SINCE_2_1,
        "<RepositoryObjectPID>ark:/1/a</RepositoryObjectPID>",
        "<ExternalReference>x</ExternalReference>",
    ),
    "a group around objects": (
        SINCE_2_1,
        '<BinaryDataObject id="B1">',
        '<DataObjectGroup id="G2"/><BinaryDataObject id="B1">',
    ),
    "a number of the archive": (
        SINCE_2_1,
        "<DataObjectGroupId>",
        "<DataObjectSystemId>x</DataObjectSystemId><DataObjectGroupId>",
    ),
    "a group without a usage": (SINCE_2_1, VERSION, ""),
    "no size": (SINCE_2_1, "<Size>1024</Size>", ""),
    "a file nowhere": (SINCE_2_1, "<Uri>Content/deliberation.pdf</Uri>", ""),
    "compression in words": (
        SINCE_2_1,
        "</Size>",
        '</Size><Compressed algorithm="zip" uncompressedSize="9">oui</Compressed>',
    ),
    "compression by yes or no": (
        "2.0 2.1 2.2 2.3",
        "</Size>",
        '</Size><Compressed algorithm="zip" uncompressedSize="9">true</Compressed>',
    ),
    "two foreign elements": (SINCE_2_1, "</w:words>", '</w:words><w:words xmlns:w="urn:exemple">2</w:words>'),
    "no call number": (SINCE_2_1, "<PhysicalId>1 D 12</PhysicalId>", ""),
    "a log of a unit": (
        SINCE_2_1,
        "<NeedAuthorization>",
        f"<LogBook>{EVENT.format('')}</LogBook><NeedAuthorization>",
    ),
    "a legal status": (SINCE_2_1, NEXT_TO_PROFILE, f"{NEXT_TO_PROFILE}<LegalStatus>Public Archive</LegalStatus>"),
    "an originating agency": (
        SINCE_2_1,
        NEXT_TO_PROFILE,
        f"{NEXT_TO_PROFILE}<OriginatingAgencyIdentifier>M</OriginatingAgencyIdentifier>",
    ),
    "an empty identifier": ("2.0 2.1", ">AD-00<", "><"),
    "a hold rule": ("2.2 2.3", "</NeedAuthorization>", "</NeedAuthorization><HoldRule><Rule>GEL</Rule></HoldRule>"),
    "a date in words": ("2.2 2.3", "</StartDate>", "</StartDate><DateLitteral>hiver</DateLitteral>"),
    "a signature by two": ("2.1 2.2", "<Gps/>", f"<Signature>{SIGNER}{SIGNER}{VERIFIED}</Signature>"),
    "what a unit is in a signature": ("2.3", "<Gps/>", SIGNING.format("")),
    "a detached signature": ("2.3", "<Gps/>", SIGNING.format("<DetachedSigningRole>Signature</DetachedSigningRole>")),
    "a detached document": (
        "",
        "<Gps/>",
        SIGNING.format("<DetachedSigningRole>SignedDocument</DetachedSigningRole>"),
    ),
    "an extension that does not say its kind": ("", "<Gps/>", SIGNING.format("<Extended/>")),
    "an extension that says its kind": (
        "2.3",
        "<Gps/>",
        SIGNING.format('<Extended xsi:type="TextTechnicalMetadataType"/>'),
    ),
    "a name of a unit for ever": ("2.3", "<Gps/>", PID),
    "a name of an object for ever": ("2.3", VERSION, VERSION + PID),
    "a use and its number": (
        "2.3",
        VERSION,
        "<DataObjectUse>BinaryMaster</DataObjectUse><DataObjectNumber>1</DataObjectNumber>",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_2_0_accepts_every_later_version_accepts(version: str) -> None:
    assert errors(version, TRANSFER) == []


@pytest.mark.parametrize("said", DIFFERENCES)
def test_it_is_accepted_in_these_versions_and_in_no_other(said: str) -> None:
    accepted, good, other = DIFFERENCES[said]
    assert good in TRANSFER, f"the manifest no longer says {good}"
    transfer = TRANSFER.replace(good, other, 1)

    assert " ".join(version for version in VERSIONS if errors(version, transfer) == []) == accepted


@pytest.mark.parametrize(("version", "accepted"), [("2.0", False), ("2.1", True), ("2.2", True), ("2.3", True)])
def test_a_reply_tells_of_operations_since_2_1(version: str, accepted: bool) -> None:
    envelope, _, rest = TRANSFER.partition("<DataObjectPackage>")
    agencies = rest.partition("</DataObjectPackage>")[2]
    answer = f"{envelope}<Operation/><MessageRequestIdentifier>V-1</MessageRequestIdentifier>{agencies}"

    assert (errors(version, answer, "ArchiveTransferReply") == []) is accepted
    assert errors(version, answer.replace("<Operation/>", ""), "ArchiveTransferReply") == []


def errors(version: str, body: str, message: str = "ArchiveTransfer") -> list[str]:
    instance = "http://www.w3.org/2001/XMLSchema-instance"
    schema = load_schema(version)
    schema.validate(
        etree.fromstring(f'<{message} xmlns="{NAMESPACES[version]}" xmlns:xsi="{instance}">{body}</{message}>')
    )
    return [error.message for error in schema.error_log]
