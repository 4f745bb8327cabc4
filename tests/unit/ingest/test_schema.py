"""The grammars of SEDA since 2.1, on manifests written here (2.0, and what differs: test_schema_versions.py)."""

import pytest
from lxml import etree

from services.ingest.pipeline.schema import NAMESPACES, UnknownSedaVersion, load_schema, version_of

VERSIONS = tuple(version for version in NAMESPACES if version != "2.0")

ARCHIVES = "<ArchivalAgency><Identifier>AD-00</Identifier></ArchivalAgency>"
TOWN = "<TransferringAgency><Identifier>MAIRIE-00</Identifier></TransferringAgency>"
BOTH_AGENCIES = f"""
  {ARCHIVES}
  {TOWN}"""

ENVELOPE = """
  <Comment xml:lang="fr">Versement des registres</Comment>
  <Date>2026-01-05T09:00:00+01:00</Date>
  <MessageIdentifier schemeID="local">V-2026-1</MessageIdentifier>"""

OBJECTS = """
    <DataObjectGroup id="G1">
      <BinaryDataObject id="B1">
        <DataObjectVersion>BinaryMaster_1</DataObjectVersion>
        <Uri>Content/deliberation.pdf</Uri>
        <MessageDigest algorithm="SHA-512">0a1b2c3d</MessageDigest>
        <Size>1024</Size>
        <FormatIdentification><FormatId>fmt/354</FormatId></FormatIdentification>
        <FileInfo><Filename>deliberation.pdf</Filename></FileInfo>
        <Metadata><Text><w:words xmlns:w="urn:exemple">1200</w:words></Text></Metadata>
      </BinaryDataObject>
    </DataObjectGroup>
    <PhysicalDataObject id="P1">
      <PhysicalId>1 D 12</PhysicalId>
      <PhysicalDimensions>
        <Height unit="centimetre">29.7</Height><Weight unit="KGM">0.2</Weight>
      </PhysicalDimensions>
    </PhysicalDataObject>"""

MANAGEMENT = """
          <AppraisalRule>
            <Rule>DUA-10</Rule><StartDate>2026-01-01</StartDate>
            <PreventInheritance/>
            <FinalAction>Keep</FinalAction>
          </AppraisalRule>
          <AccessRule>
            <Rule>AR048</Rule><StartDate xsi:nil="true"/>
            <RefNonRuleId>AR038</RefNonRuleId>
          </AccessRule>"""

CONTENT = """
          <DescriptionLevel>Item</DescriptionLevel>
          <Title xml:lang="fr">Délibération du 12 décembre</Title>
          <Keyword><KeywordContent>budget</KeywordContent><KeywordType>subject</KeywordType></Keyword>
          <OriginatingAgency><Identifier>MAIRIE-00</Identifier></OriginatingAgency>
          <Writer><FirstName>Anne</FirstName><BirthName>Exemple</BirthName></Writer>
          <StartDate>2025-12</StartDate>
          <EndDate>2025-12-12T20:30:00</EndDate>"""

UNITS = f"""
      <ArchiveUnit id="U1">
        <Management>{MANAGEMENT}</Management>
        <Content>{CONTENT}</Content>
        <ArchiveUnit id="U2"><ArchiveUnitRefId>U3</ArchiveUnitRefId></ArchiveUnit>
        <DataObjectReference><DataObjectGroupReferenceId>G1</DataObjectGroupReferenceId></DataObjectReference>
      </ArchiveUnit>
      <ArchiveUnit id="U3"><Content/></ArchiveUnit>"""

PACKAGE = f"""
  <CodeListVersions/>
  <DataObjectPackage>{OBJECTS}
    <DescriptiveMetadata>{UNITS}
    </DescriptiveMetadata>
    <ManagementMetadata>
      <LegalStatus>Public Archive</LegalStatus>
      <StorageRule><FinalAction>Copy</FinalAction></StorageRule>
    </ManagementMetadata>
  </DataObjectPackage>"""

TRANSFER = ENVELOPE + PACKAGE + BOTH_AGENCIES

REPLY = f"""{ENVELOPE}
  <CodeListVersions/>
  <ReplyCode>OK</ReplyCode>
  <Operation><Event><EventDateTime>2026-01-05T09:30:00Z</EventDateTime><Outcome>OK</Outcome></Event></Operation>
  <MessageRequestIdentifier>V-2026-1</MessageRequestIdentifier>
  <GrantDate>2026-01-05T09:30:00Z</GrantDate>{BOTH_AGENCIES}"""

ACKNOWLEDGEMENT = f"""{ENVELOPE}
  <MessageReceivedIdentifier>V-2026-1</MessageReceivedIdentifier>
  <Sender><Identifier>AD-00</Identifier></Sender>
  <Receiver><Identifier>MAIRIE-00</Identifier></Receiver>"""

ORIGIN = f"{ARCHIVES}<OriginatingAgency><Identifier>MAIRIE-00</Identifier></OriginatingAgency>"
REQUESTER = f"{ARCHIVES}<Requester><Identifier>LECTEUR</Identifier></Requester>"
CONTROL = f"{ARCHIVES}<ControlAuthority><Identifier>PREFET-00</Identifier></ControlAuthority>"
ASKED = f"{ENVELOPE}<CodeListVersions/>"
ANSWERED = f"{ASKED}<MessageRequestIdentifier>D-1</MessageRequestIdentifier>"
UNIT = "<UnitIdentifier>U1</UnitIdentifier>"
AUTHORIZATION = f"""
  <AuthorizationRequestContent>
    <AuthorizationReason>Elimination</AuthorizationReason>
    <RequestDate>2026-01-05</RequestDate>{UNIT}
    <Requester><Identifier>MAIRIE-00</Identifier></Requester>
    <AuthorizationRequestReply
        xsi:type="AuthorizationOriginatingAgencyRequestReplyType">{ANSWERED}{ORIGIN}</AuthorizationRequestReply>
  </AuthorizationRequestContent>"""

MESSAGES = {
    "Acknowledgement": ACKNOWLEDGEMENT,
    "ArchiveTransferRequest": f"{ASKED}<TransferDate>2026-02-01T00:00:00</TransferDate>{BOTH_AGENCIES}",
    "ArchiveTransferRequestReply": f"{ANSWERED}{BOTH_AGENCIES}",
    "ArchiveTransfer": TRANSFER,
    "ArchiveTransferReply": REPLY,
    "ArchiveDeliveryRequest": f"{ASKED}<Derogation>false</Derogation>{UNIT}{REQUESTER}",
    "ArchiveDeliveryRequestReply": f"{ANSWERED}{UNIT}{REQUESTER}",
    "ArchiveRestitutionRequest": f"{ASKED}{UNIT}{ORIGIN}",
    "ArchiveRestitutionRequestReply": f"{ANSWERED}{UNIT}{ORIGIN}",
    "ArchiveModificationNotification": f"{ASKED}{UNIT}{ORIGIN}",
    "ArchiveDestructionNotification": (
        f"{ASKED}<AuthorizationRequestReplyIdentifier>A-1</AuthorizationRequestReplyIdentifier>{UNIT}{ORIGIN}"
    ),
    "AuthorizationOriginatingAgencyRequest": f"{ASKED}{AUTHORIZATION}{ORIGIN}",
    "AuthorizationOriginatingAgencyRequestReply": f"{ANSWERED}{ORIGIN}",
    "AuthorizationControlAuthorityRequest": f"{ASKED}{AUTHORIZATION}{CONTROL}",
    "AuthorizationControlAuthorityRequestReply": f"{ANSWERED}{CONTROL}",
}

# What is wrong → (what the good manifest says, what this one says instead)
REFUSED_BY_ALL = {
    "no date": ("<Date>2026-01-05T09:00:00+01:00</Date>", ""),
    "a date without a time": ("<Date>2026-01-05T09:00:00+01:00</Date>", "<Date>2026-01-05</Date>"),
    "no transferring agency": (TOWN, ""),
    "parties the wrong way round": (BOTH_AGENCIES, TOWN + ARCHIVES),
    "an object of no byte": ("<Size>1024</Size>", "<Size>0</Size>"),
    "a digest without its algorithm": (' algorithm="SHA-512"', ""),
    "a digest neither hexadecimal nor base64": ("0a1b2c3d", "0a1b2c3"),
    "an object without an id": ('<BinaryDataObject id="B1">', "<BinaryDataObject>"),
    "two units of one id": ('id="U3"', 'id="U1"'),
    "an unknown unit of length": ('"centimetre"', '"parsec"'),
    "an unknown level": (">Item<", ">Folder<"),
    "an unknown kind of keyword": (">subject<", ">topic<"),
    "an unknown final action": (">Keep<", ">Perhaps<"),
    "a unit without content": ('<ArchiveUnit id="U3"><Content/></ArchiveUnit>', '<ArchiveUnit id="U3"/>'),
    "a free field in the content": ("</Title>", "</Title><Colour>blue</Colour>"),
    "a field of another namespace in the content": ("</Title>", '</Title><c xmlns="urn:exemple"/>'),
    "an extension point used as such": ("<EndDate>", "<ObjectGroupExtenstionAbstract/><EndDate>"),
    "SEDA fields in open content": ('<w:words xmlns:w="urn:exemple">1200</w:words>', "<Words>1200</Words>"),
    "a partial date for a rule": ("<StartDate>2026-01-01</StartDate>", "<StartDate>2026</StartDate>"),
    "inheritance both prevented and chosen": (
        "<PreventInheritance/>",
        "<PreventInheritance/><RefNonRuleId>R</RefNonRuleId>",
    ),
    "an unknown legal status": (">Public Archive<", ">Secret Archive<"),
    "text between elements": ("<ManagementMetadata>", "<ManagementMetadata>voir annexe"),
}  # fmt: skip

# What SEDA accepts since 2.2 → where it goes: (before, after)
SINCE_2_2 = {
    "a hold rule": (
        "</AccessRule>",
        "</AccessRule><HoldRule><Rule>GEL</Rule><HoldOwner>Tribunal</HoldOwner></HoldRule>",
    ),
    "a code list of hold rules": (
        "<CodeListVersions/>",
        "<CodeListVersions><HoldRuleCodeListVersion>1</HoldRuleCodeListVersion></CodeListVersions>",
    ),
    "a data object profile": (
        "<DataObjectVersion>",
        "<DataObjectProfile>PDF</DataObjectProfile><DataObjectVersion>",
    ),
    "other agents": ("<Writer>", "<Agent><Corpname>Conseil</Corpname></Agent><Writer>"),
    "a date in words": ("</EndDate>", "</EndDate><DateLitteral>hiver 2025</DateLitteral>"),
    "the text of a mail, twice": (
        "</EndDate>",
        "</EndDate><TextContent>Bonjour</TextContent><TextContent>Bonsoir</TextContent>",
    ),
    "the agents of an event": (
        "</EndDate>",
        "</EndDate><Event><EventDateTime>2025</EventDateTime><LinkingAgentIdentifier/></Event>",
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("message", MESSAGES)
def test_each_of_the_fifteen_messages_is_accepted(version: str, message: str) -> None:
    assert _errors(version, MESSAGES[message], message) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("wrong", REFUSED_BY_ALL)
def test_a_transfer_with_one_defect_is_refused(version: str, wrong: str) -> None:
    assert _errors(version, _altered(*REFUSED_BY_ALL[wrong])) != []


@pytest.mark.parametrize("addition", SINCE_2_2)
def test_what_2_2_brought_is_refused_in_2_1(addition: str) -> None:
    transfer = _altered(*SINCE_2_2[addition])
    assert _errors("2.2", transfer) == []
    assert _errors("2.1", transfer) != []


def test_an_empty_identifier_is_accepted_in_2_1_only() -> None:
    transfer = _altered("<Identifier>AD-00</Identifier>", "<Identifier/>")
    assert _errors("2.1", transfer) == []
    assert _errors("2.2", transfer) != []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_signature_of_another_namespace_is_accepted(version: str) -> None:
    signature = '<Signature><s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#">…</s:Signature></Signature>'
    assert _errors(version, _altered("<CodeListVersions/>", f"{signature}<CodeListVersions/>")) == []


def test_an_authorization_reply_must_say_which_kind_it_is() -> None:
    silent = MESSAGES["AuthorizationControlAuthorityRequest"].replace(
        'xsi:type="AuthorizationOriginatingAgencyRequestReplyType"', ""
    )
    assert _errors("2.2", silent, "AuthorizationControlAuthorityRequest") != []


def test_a_transfer_of_another_version_is_refused() -> None:
    document = etree.fromstring(_document("2.1", "ArchiveTransfer", TRANSFER))
    assert not load_schema("2.2").validate(document)


def test_an_error_names_the_element_and_its_line() -> None:
    (error,) = _errors("2.2", _altered("<Size>1024</Size>", "<Size>0</Size>"))
    assert "}Size'" in error
    assert error.startswith("12:")


def test_each_version_has_its_namespace_and_back() -> None:
    assert [version_of(namespace) for namespace in NAMESPACES.values()] == ["2.0", "2.1", "2.2", "2.3"]
    assert version_of("fr:gouv:culture:archivesdefrance:seda:v9.9") is None


@pytest.mark.parametrize("version", ["9.9", "", "../seda-2.1", "2.10"])
def test_an_unknown_version_is_named_in_the_error(version: str) -> None:
    with pytest.raises(UnknownSedaVersion) as caught:
        load_schema(version)
    assert caught.value.version == version


def test_a_schema_is_compiled_once() -> None:
    assert load_schema("2.1") is load_schema("2.1")


def _altered(good: str, bad: str) -> str:
    assert good in TRANSFER, f"the manifest no longer says {good}"
    return TRANSFER.replace(good, bad, 1)


def _document(version: str, message: str, body: str) -> str:
    instance = "http://www.w3.org/2001/XMLSchema-instance"
    return f'<{message} xmlns="{NAMESPACES[version]}" xmlns:xsi="{instance}">{body}\n</{message}>'


def _errors(version: str, body: str, message: str = "ArchiveTransfer") -> list[str]:
    schema = load_schema(version)
    schema.validate(etree.fromstring(_document(version, message, body)))
    return [f"{error.line}: {error.message}" for error in schema.error_log]
