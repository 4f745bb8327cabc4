"""Read a manifest once, in constant memory but for what is checked across it; no entity, no network, bounded.

Norm: SEDA 2.0 to 2.3. Expat tells each element as it passes, with its line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Final
from xml.parsers import expat

from chartrier_client.checking.facts import ManifestFacts, ObjectFacts, Reference, RuleFacts, UnitFacts
from chartrier_client.checking.findings import Findings, LocalFinding, found
from chartrier_client.checking.units import unit_findings

CHUNK: Final = 1 << 16
MIB: Final = 1 << 20
LARGEST: Final = 512 * MIB
DEEPEST: Final = 200
# Bytes in which no element begins or ends: an embedded file, or a tag made to fill a memory.
LONGEST_GAP: Final = 4 * MIB
MOST_NAMED: Final = 1_000_000
MOST_REFERENCES: Final = 1_000_000
LONGEST_TEXT: Final = 1 << 16

NAMESPACES: Final = {
    f"fr:gouv:culture:archivesdefrance:seda:v{version}": version for version in ("2.0", "2.1", "2.2", "2.3")
}
DATES: Final = frozenset({"StartDate", "EndDate", "CreatedDate"})
REFERENCES: Final = frozenset({"ArchiveUnitRefId", "DataObjectReferenceId", "DataObjectGroupReferenceId"})
CATEGORIES: Final = frozenset(
    {"StorageRule", "AppraisalRule", "AccessRule", "DisseminationRule", "ReuseRule", "ClassificationRule", "HoldRule"}
)


class _Stop(Exception):
    """The manifest is not read any further; its finding is told."""


@dataclass(slots=True)
class Reading:
    """What was read; `complete` when the end was reached."""

    facts: ManifestFacts = field(default_factory=ManifestFacts)
    complete: bool = False


def read_manifest(stream: IO[bytes], findings: Findings, tell: Callable[[int], None]) -> Reading:
    """Read a manifest to its end, or to what makes it unreadable, which is among the `findings` then.

    `tell` hears the bytes read, piece by piece.
    """
    reading = Reading()
    reader = _Reader(reading.facts, findings)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    reader.line = lambda: parser.CurrentLineNumber
    size, gap, events = 0, 0, 0
    try:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            gap, events = gap + len(chunk) if events == reader.events else 0, reader.events
            if size > LARGEST:
                reader.stop("MANIFEST_TOO_LARGE", limit=LARGEST)
            if gap > LONGEST_GAP:
                reader.stop("MANIFEST_LIMIT", what=f"{LONGEST_GAP}")
            tell(len(chunk))
            parser.Parse(chunk, False)  # noqa: FBT003 (Expat's own)
        parser.Parse(b"", True)  # noqa: FBT003
        reading.complete = True
    except expat.ExpatError as error:
        findings.take([found("MANIFEST_XML", f"manifest.xml:{error.lineno}", reason=str(error))])
    except (LookupError, ValueError) as error:
        # An encoding that nobody has, or that Expat cannot use.
        findings.take([found("MANIFEST_XML", "manifest.xml:1", reason=str(error))])
    except _Stop:
        pass
    return reading


class _Reader:
    """Hears the elements; keeps the names of those that are open, and what is being described."""

    def __init__(self, facts: ManifestFacts, findings: Findings) -> None:
        self._facts = facts
        self._findings = findings
        self._open: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._units: list[UnitFacts] = []
        self._object: ObjectFacts | None = None
        self._group: str | None = None
        self._rule: RuleFacts | None = None
        self.events = 0
        self.line: Callable[[], int] = lambda: 0

    def stop(self, code: str, **told: object) -> None:
        """Give up, for this reason."""
        self._findings.take([found(code, f"manifest.xml:{self.line()}", **told)])
        raise _Stop

    def doctype(self, *_: object) -> None:
        self.stop("MANIFEST_DOCTYPE")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.events += 1
        namespace, _, name = tag.rpartition(" ")
        if not self._open:
            self._root(namespace, name)
        if len(self._open) >= DEEPEST:
            self.stop("MANIFEST_LIMIT", what=f"{DEEPEST}")
        self._open.append(name)
        self._text, self._length = [], 0
        if "id" in attributes:
            self._identify(attributes["id"])
        self._begin(name, attributes)

    def _root(self, namespace: str, name: str) -> None:
        if namespace not in NAMESPACES:
            self.stop("MANIFEST_VERSION", namespace=namespace[:200])
        if name != "ArchiveTransfer":
            self.stop("MANIFEST_NOT_A_TRANSFER", root=name[:80])
        self._facts.version = NAMESPACES[namespace]

    def _identify(self, identifier: str) -> None:
        known = self._facts.identifiers
        if identifier in known:
            self._findings.take([found("REFERENCE_DUPLICATE_ID", f"manifest.xml:{self.line()}", id=identifier[:80])])
        known.setdefault(identifier, self.line())
        if len(known) > MOST_NAMED:
            self.stop("MANIFEST_LIMIT", what=f"{MOST_NAMED} id")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        identifier, line = attributes.get("id", ""), self.line()
        if name == "DataObjectGroup":
            self._group = identifier
            self._facts.groups.setdefault(identifier, line)
        elif name in {"BinaryDataObject", "PhysicalDataObject"}:
            self._object = ObjectFacts(identifier, line, name == "BinaryDataObject", self._group)
            self._facts.objects.setdefault(identifier, self._object)
        elif name == "ArchiveUnit":
            if self._units and identifier:
                self._facts.children[self._units[-1].id].append(identifier)
            self._units.append(UnitFacts(identifier, line))
        elif name == "MessageDigest" and self._object:
            self._object.algorithm = attributes.get("algorithm", "")
        elif name in CATEGORIES and self._open[-2] == "Management" and self._units:
            self._rule = RuleFacts(name, line)
            self._units[-1].rules.append(self._rule)

    def text(self, data: str) -> None:
        if self._length < LONGEST_TEXT:
            self._text.append(data)
            self._length += len(data)

    def end(self, _: str) -> None:
        self.events += 1
        name = self._open.pop()
        above = self._open[-1] if self._open else ""
        text = "".join(self._text).strip()
        self._text, self._length = [], 0
        if name in REFERENCES:
            self._refer(name, text)
        elif self._object:
            self._end_in_object(name, above, text)
        elif self._rule:
            self._end_in_rule(name, text)
        elif self._units:
            self._end_in_unit(name, above, text)
        elif name == "DataObjectGroup":
            self._group = None
        else:
            self._end_in_header(name, above, text)

    def _refer(self, name: str, target: str) -> None:
        if self._object:
            self._object.group = target
        if name == "ArchiveUnitRefId" and self._units:
            self._units[-1].refers = True
            self._facts.children[self._units[-1].id].append(target)
        self._facts.references.append(Reference(name, target, self.line(), self._object is not None))
        if len(self._facts.references) > MOST_REFERENCES:
            self.stop("MANIFEST_LIMIT", what=f"{MOST_REFERENCES}")

    def _end_in_object(self, name: str, above: str, text: str) -> None:
        each = self._object
        if each is None or name in {"BinaryDataObject", "PhysicalDataObject"}:
            self._object = None
        elif above not in {"BinaryDataObject", "PhysicalDataObject"}:
            return
        elif name == "DataObjectGroupId" and each.group is None:
            # Inside a DataObjectGroup, the group is that one.
            each.group = text
            self._facts.groups.setdefault(text, each.line)
        elif name == "MessageDigest":
            each.digest = text
        elif name == "Attachment":
            each.inline = True
        else:
            self._take(each, name, text)

    @staticmethod
    def _take(each: ObjectFacts, name: str, text: str) -> None:
        if name == "Uri":
            each.uri = text
        elif name == "Size":
            each.size = text
        elif name == "PhysicalId":
            each.physical_id = text
        elif name == "DataObjectVersion":
            each.usage = text

    def _end_in_rule(self, name: str, text: str) -> None:
        rule = self._rule
        if rule is None or name == rule.category:
            self._rule = None
        elif name == "Rule":
            rule.codes.append(text)
        elif name == "StartDate":
            rule.days.append(text)
        elif name == "FinalAction":
            rule.final_action = text
        elif name in {"PreventInheritance", "RefNonRuleId"}:
            rule.others = True

    def _end_in_unit(self, name: str, above: str, text: str) -> None:
        unit = self._units[-1]
        if name == "ArchiveUnit":
            self._facts.units += not unit.refers
            self._findings.take(unit_findings(unit))
            self._units.pop()
        elif above != "Content":
            return
        elif name == "Title":
            unit.titles.append(text)
        elif name == "DescriptionLevel":
            unit.level = text
        elif name in DATES:
            unit.dates[name] = text

    def _end_in_header(self, name: str, above: str, text: str) -> None:
        if name == "MessageIdentifier":
            self._facts.message_identifier = text
        elif name == "Identifier" and above in {"ArchivalAgency", "TransferringAgency"}:
            self._facts.agencies[above] = text


def header_findings(facts: ManifestFacts) -> Iterator[LocalFinding]:
    """Say what is missing of whom the message is from, to, and what it is called."""
    named = {"MessageIdentifier": facts.message_identifier}
    named |= {agency: facts.agencies.get(agency, "") for agency in ("ArchivalAgency", "TransferringAgency")}
    yield from (found("HEADER_EMPTY", "manifest.xml", element=name) for name, value in named.items() if not value)
