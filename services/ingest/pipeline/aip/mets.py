"""``METS.xml``: every member of the AIP with its size and SHA-512.

METS 1.12 as profiled by E-ARK CSIP 2.1 (requirements CSIP1 to CSIP119) and E-ARK AIP 2.2, whose profile
address, AIPM2, is as published. Hrefs are relative to the root folder and percent-encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.sip import Manifest
from services.ingest.pipeline.aip import layout
from services.ingest.pipeline.aip.premis import CHARTRIER
from services.ingest.pipeline.xml_stream import Sink, XmlStream, document

_NS = "http://www.loc.gov/METS/"
_CSIP = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
_XLINK = "http://www.w3.org/1999/xlink"
_PROFILE = "https://earkdip.dilcis.eu/profile/E-ARK-AIP-v2-2-0.xml"
_UNKNOWN_TYPE = "application/octet-stream"

# Rule CSIP63 of the 2.1.0 validators can be met in no other way than by naming a type on every group.
_CONTENT = {f"{{{_CSIP}}}CONTENTINFORMATIONTYPE": "OTHER", f"{{{_CSIP}}}OTHERCONTENTINFORMATIONTYPE": "SEDA"}

_SEDA = {"MDTYPE": "OTHER", "OTHERMDTYPE": "SEDA"}
_CATALOGUE = {"MDTYPE": "OTHER", "OTHERMDTYPE": "CHARTRIER-CATALOGUE"}
_PREMIS = {"MDTYPE": "PREMIS", "MDTYPEVERSION": "3.0"}
_SIGNATURES = {"MDTYPE": "OTHER", "OTHERMDTYPE": "CHARTRIER-SIGNATURES"}
_GROUPS = (
    ("Documentation", "documentation"),
    ("Schemas", "schemas"),
    ("Representations/original", "original"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the AIP as METS lists it; `name` is relative to the root."""

    name: str
    size: int
    sha512: str
    mime: str | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """All the members besides METS.xml itself."""

    seda: Member
    catalogue: Member
    premis: Member
    documentation: Member
    schema: Member
    files: Sequence[Member]
    signatures: Member | None = None


def data_members(data: layout.Data) -> list[Member]:
    """Return the files of the representation as METS lists them."""
    return [Member(each.name, each.file.size, each.file.sha512, each.file.mime) for each in data.files]


def write_mets(out: Sink, manifest: Manifest, members: Members, plan: BuildPlan) -> None:
    """Write the document, streamed: a pure function of its arguments.

    Its length depends on the sizes of the members but not on their digests.
    """
    attributes = {
        "OBJID": str(plan.aip_id),
        "LABEL": manifest.header.message_identifier,
        "TYPE": "Mixed",
        "PROFILE": _PROFILE,
        **_CONTENT,
    }
    with document(out, "mets", attributes, [(None, _NS), ("csip", _CSIP), ("xlink", _XLINK)]) as xml:
        _header(xml, plan)
        with xml.element("dmdSec", _section("dmd-seda", plan)):
            _reference(xml, members.seda, plan, _SEDA)
        with xml.element("dmdSec", _section("dmd-catalogue", plan)):
            _reference(xml, members.catalogue, plan, _CATALOGUE)
        with xml.element("amdSec", {}):
            with xml.element("digiprovMD", _section("premis", plan)):
                _reference(xml, members.premis, plan, _PREMIS)
            if members.signatures is not None:
                with xml.element("digiprovMD", _section("signatures", plan)):
                    _reference(xml, members.signatures, plan, _SIGNATURES)
        _file_section(xml, members, plan)
        _structure(xml, plan, "premis" if members.signatures is None else "premis signatures")


def _header(xml: XmlStream, plan: BuildPlan) -> None:
    moment = {
        "CREATEDATE": plan.planned_at,
        "LASTMODDATE": plan.planned_at,
        f"{{{_CSIP}}}OAISPACKAGETYPE": "AIP",
    }
    with xml.element("metsHdr", moment):
        with xml.element("agent", {"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"}):
            xml.nodes([("name", "Chartrier")])
            with xml.element("note", {f"{{{_CSIP}}}NOTETYPE": "SOFTWARE VERSION"}):
                xml.text(plan.software.get(CHARTRIER, "unknown"))
        with xml.element("agent", {"ROLE": "OTHER", "OTHERROLE": "SUBMITTER", "TYPE": "ORGANIZATION"}):
            xml.nodes([("name", plan.depositor)])


def _section(identifier: str, plan: BuildPlan) -> dict[str, str]:
    return {"ID": identifier, "CREATED": plan.planned_at, "STATUS": "CURRENT"}


def _reference(xml: XmlStream, member: Member, plan: BuildPlan, kind: dict[str, str]) -> None:
    xml.empty("mdRef", {**_link(member), **kind, **_fixity(member, plan)})


def _link(member: Member) -> dict[str, str]:
    return {"LOCTYPE": "URL", f"{{{_XLINK}}}type": "simple", f"{{{_XLINK}}}href": quote(member.name)}


def _fixity(member: Member, plan: BuildPlan) -> dict[str, str]:
    return {
        "MIMETYPE": member.mime or _UNKNOWN_TYPE,
        "SIZE": str(member.size),
        "CREATED": plan.planned_at,
        "CHECKSUM": member.sha512,
        "CHECKSUMTYPE": "SHA-512",
    }


def _file_section(xml: XmlStream, members: Members, plan: BuildPlan) -> None:
    # CSIP66 wants a file in each group: a transfer without files, of physical objects, shows its manifest.
    contents = ([members.documentation], [members.schema], members.files or [members.seda])
    with xml.element("fileSec", {"ID": "files"}):
        for (use, identifier), files in zip(_GROUPS, contents, strict=True):
            with xml.element("fileGrp", {"ID": f"group-{identifier}", "USE": use, **_CONTENT}):
                for number, member in enumerate(files, 1):
                    with xml.element("file", {"ID": f"{identifier}-{number}", **_fixity(member, plan)}):
                        xml.empty("FLocat", _link(member))


def _structure(xml: XmlStream, plan: BuildPlan, administrative: str) -> None:
    with (
        xml.element("structMap", {"ID": "structure", "TYPE": "PHYSICAL", "LABEL": "CSIP"}),
        xml.element("div", {"ID": "package", "LABEL": str(plan.aip_id)}),
    ):
        sections = {"DMDID": "dmd-seda dmd-catalogue", "ADMID": administrative}
        xml.empty("div", {"ID": "div-metadata", "LABEL": "Metadata", **sections})
        for use, identifier in _GROUPS:
            with xml.element("div", {"ID": f"div-{identifier}", "LABEL": use.partition("/")[0]}):
                xml.empty("fptr", {"FILEID": f"group-{identifier}"})
