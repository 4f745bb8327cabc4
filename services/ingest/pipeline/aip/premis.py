"""``metadata/preservation/premis.xml``: the objects, the events of the ingest, and who did them.

PREMIS 3.0, http://www.loc.gov/premis/v3. Event types are terms of the Library of Congress list
"preservation event type". One event stands for the whole package: what was found about one file is
in the outcome of the event, as the code of the finding and its place.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid5

from services.ingest.domain.findings import Finding, Severity
from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.signatures import SignatureReport
from services.ingest.domain.sip import DataObject, Manifest, MeasuredFile
from services.ingest.pipeline.aip.layout import Data
from services.ingest.pipeline.xml_stream import Node, Sink, XmlStream, document

_NS = "http://www.loc.gov/premis/v3"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"

CHARTRIER = "chartrier"


@dataclass(frozen=True, slots=True)
class _Step:
    """One kind of event. `tools`: keys of the plan's `software` that took part, besides Chartrier itself.

    `families`: prefixes of the codes of the findings that belong to it. `optional`: it took place only
    if one of its tools is in the plan.
    """

    name: str
    kind: str
    detail: str
    tools: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    optional: bool = False


_RECEPTION = _Step("reception", "ingestion start", "SIP received")
_SIGNATURES = _Step(
    "signatures",
    "digital signature validation",
    "electronic signatures validated; report in metadata/preservation/signatures.json",
    ("pyhanko",),
    ("SIGNATURE",),
    optional=True,
)
_STEPS = (
    _Step("unpacking", "unpacking", "container opened, its files measured", (), ("CONTAINER",)),
    _Step("virus-check", "virus check", "every file scanned", ("clamav",), ("ANTIVIRUS",), optional=True),
    _Step(
        "validation",
        "validation",
        "manifest checked against its schema; references, header, units and rules checked",
        ("libxml2", "xmlschema"),
        ("MANIFEST", "REFERENCE", "HEADER", "UNIT", "RULE", "DUPLICATE", "PROFILE"),
    ),
    _SIGNATURES,
    _Step(
        "format",
        "format identification",
        "format of every file identified",
        ("siegfried", "pronom"),
        ("FORMAT",),
    ),
    _Step("fixity", "fixity check", "digests and sizes compared with those declared", (), ("OBJECT",)),
    _Step("decision", "appraisal", "transfer accepted", (), ("DECISION",)),
    _Step("packaging", "information package creation", "AIP written"),
)


def write_premis(
    out: Sink, manifest: Manifest, data: Data, plan: BuildPlan, report: SignatureReport | None = None
) -> None:
    """Write the document, streamed: a pure function of its arguments, `report` being that on signatures."""
    with document(out, "premis", {"version": "3.0"}, [(None, _NS), ("xsi", _XSI)]) as xml:
        _write_object(xml, "representation", _package(manifest, plan))
        for found in manifest.objects:
            if found.id in data.by_object:
                _write_object(xml, "file", _file(found, data.by_object[found.id].file, plan))
        xml.nodes(_events(plan, report))
        xml.nodes(_agents(plan))


def _write_object(xml: XmlStream, category: str, children: Iterable[Node]) -> None:
    with xml.element("object", {f"{{{_XSI}}}type": category}):
        xml.nodes(children)


def _identifier(kind: str, value: object, *more: Node, scheme: str = "UUID") -> Node:
    name = f"{kind}Identifier"
    return name, [(f"{name}Type", scheme), (f"{name}Value", str(value)), *more]


def _package(manifest: Manifest, plan: BuildPlan) -> list[Node]:
    return [_identifier("object", plan.aip_id), ("originalName", manifest.header.message_identifier)]


def _file(found: DataObject, file: MeasuredFile, plan: BuildPlan) -> list[Node]:
    characteristics: list[Node] = [("compositionLevel", "0"), _fixity("SHA-512", file.sha512, CHARTRIER)]
    # The depositor's own digests stay beside ours, whatever the algorithm: they are what he can compare with.
    characteristics += [
        _fixity(algorithm, digest, plan.depositor)
        for algorithm, digest in sorted(file.digests.items())
        if digest != file.sha512
    ]
    characteristics += [("size", str(file.size)), ("format", _format(file))]
    return [
        _identifier("object", plan.object_id(found.id)),
        ("objectCharacteristics", characteristics),
        ("originalName", file.path),
    ]


def _fixity(algorithm: str, digest: str, originator: str) -> Node:
    return "fixity", [
        ("messageDigestAlgorithm", algorithm),
        ("messageDigest", digest),
        ("messageDigestOriginator", originator),
    ]


def _format(file: MeasuredFile) -> list[Node]:
    designation: Node = (
        "formatDesignation",
        [("formatName", file.format_name or file.mime or "unidentified")],
    )
    if file.puid is None:
        return [designation]
    registry: Node = ("formatRegistry", [("formatRegistryName", "PRONOM"), ("formatRegistryKey", file.puid)])
    return [designation, registry]


def _events(plan: BuildPlan, report: SignatureReport | None) -> Iterator[Node]:
    depositor = _identifier("linkingAgent", plan.depositor, ("linkingAgentRole", "submitter"), scheme="name")
    sip = f"SIP of {plan.sip_size} bytes, SHA-512 {plan.sip_sha512}"
    yield _event(_RECEPTION, plan, plan.received_at, sip, [depositor])
    for step in _STEPS:
        tools = [tool for tool in step.tools if tool in plan.software]
        if tools or not step.optional:
            detail = step.detail + (_profile(plan) if step.name == "validation" else "")
            # Findings are not told of signatures that an agreement has but recorded: the report tells of all.
            doubted = step is _SIGNATURES and report is not None and not report.passed
            yield _event(step, plan, plan.planned_at, detail, [_tool(tool) for tool in tools], doubted=doubted)


def _profile(plan: BuildPlan) -> str:
    """Say by which archival profile the manifest was checked, so that it can be found again."""
    applied = plan.profile
    return "" if applied is None else f"; archival profile {applied.name} ({applied.kind}), SHA-512 {applied.sha512}"


def _event(
    step: _Step, plan: BuildPlan, moment: str, detail: str, agents: Sequence[Node], *, doubted: bool = False
) -> Node:
    noted = [finding for finding in plan.findings if finding.code.partition("_")[0] in step.families]
    return "event", [
        _identifier("event", uuid5(plan.aip_id, f"event:{step.name}")),
        ("eventType", step.kind),
        ("eventDateTime", moment),
        ("eventDetailInformation", [("eventDetail", detail)]),
        (
            "eventOutcomeInformation",
            [("eventOutcome", _outcome(noted, doubted=doubted)), *map(_note, noted)],
        ),
        _tool(CHARTRIER),
        *agents,
        _identifier("linkingObject", plan.aip_id),
    ]


def _outcome(findings: Sequence[Finding], *, doubted: bool) -> str:
    told = any(finding.severity is not Severity.INFO for finding in findings)
    return "warning" if told or doubted else "success"


def _note(finding: Finding) -> Node:
    return "eventOutcomeDetail", [("eventOutcomeDetailNote", f"{finding.code} {finding.place}")]


def _tool(name: str) -> Node:
    return _identifier("linkingAgent", name, ("linkingAgentRole", "executing program"), scheme="name")


def _agents(plan: BuildPlan) -> Iterator[Node]:
    versions = {CHARTRIER: "", **plan.software}
    for name, version in sorted(versions.items()):
        agent = [_identifier("agent", name, scheme="name"), ("agentName", name), ("agentType", "software")]
        yield "agent", [*agent, ("agentVersion", version)] if version else agent
    yield (
        "agent",
        [
            _identifier("agent", plan.depositor, scheme="name"),
            ("agentName", plan.depositor),
            ("agentType", "organization"),
        ],
    )
