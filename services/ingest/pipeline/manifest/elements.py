"""Turn finished SEDA elements into records: data objects, rules, parts of the header."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from services.ingest.domain.sip import DataObject, ObjectKind, Rule, RuleCategory
from services.ingest.pipeline.manifest.content import local_name

CATEGORIES: Final = frozenset(
    {
        "StorageRule",
        "AppraisalRule",
        "AccessRule",
        "DisseminationRule",
        "ReuseRule",
        "ClassificationRule",
        "HoldRule",
    }
)


def text_of(element: etree._Element | None) -> str | None:
    """Return an element's text, stripped, or None when there is no element."""
    return None if element is None else (element.text or "").strip()


def child_text(element: etree._Element, namespace: str, *names: str) -> str | None:
    """Return the text of the first descendant by this path of names, or None."""
    return text_of(element.find("/".join(f"{{{namespace}}}{name}" for name in names)))


def data_object(element: etree._Element, namespace: str, group: str | None) -> DataObject:
    """Read a BinaryDataObject or a PhysicalDataObject; `group` is the DataObjectGroup around it, if any."""
    children: dict[str, etree._Element] = {}
    for child in element:
        children.setdefault(str(child.tag), child)
    digest = children.get(f"{{{namespace}}}MessageDigest")

    def text(name: str, inner: str = "") -> str | None:
        child = children.get(f"{{{namespace}}}{name}")
        return text_of(child) if child is None or not inner else child_text(child, namespace, inner)

    return DataObject(
        id=element.get("id", ""),
        kind=ObjectKind.BINARY if local_name(str(element.tag)) == "BinaryDataObject" else ObjectKind.PHYSICAL,
        line=element.sourceline or 0,
        group=group or text("DataObjectGroupId") or text("DataObjectGroupReferenceId"),
        uri=text("Uri"),
        digest=text_of(digest),
        algorithm=None if digest is None else digest.get("algorithm", "").strip(),
        size=_size(text("Size")),
        usage=text("DataObjectVersion") or _usage(text("DataObjectUse"), text("DataObjectNumber")),
        format_id=text("FormatIdentification", "FormatId"),
        mime=text("FormatIdentification", "MimeType"),
        filename=text("FileInfo", "Filename"),
        physical_id=text("PhysicalId"),
        inline=f"{{{namespace}}}Attachment" in children,
    )


def _usage(use: str | None, number: str | None) -> str | None:
    """Return what SEDA 2.3 may say in two elements as the one name it had before: ``BinaryMaster_1``."""
    return f"{use}_{number}" if use and number else use


def _size(text: str | None) -> int | None:
    # The schema tells the depositor of anything else than a number.
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


@dataclass(slots=True)
class _Category:
    """A rule category being read: fields after a Rule belong to that rule."""

    rules: list[Rule] = field(default_factory=list)
    code: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    final_action: str | None = None
    prevented: bool | None = None
    refused: list[str] = field(default_factory=list)

    def take(self, name: str, text: str) -> None:
        """Read one child of the category."""
        if name == "Rule":
            self.close_rule()
            self.code = text
        elif name in {"StartDate", "HoldEndDate"}:
            self.fields[name] = text
        elif name == "FinalAction":
            self.final_action = text
        elif name == "PreventInheritance":
            self.prevented = text in {"true", "1"}
        elif name == "RefNonRuleId":
            self.refused.append(text)

    def close_rule(self) -> None:
        """Keep the rule being read."""
        if self.code is not None:
            self.rules.append(Rule("", self.code, self.fields.get("StartDate"), None, self.fields.get("HoldEndDate")))
        self.code = None
        self.fields.clear()


def rule_categories(management: etree._Element, namespace: str) -> Iterator[RuleCategory]:
    """Yield the rule categories of a Management or ManagementMetadata element, in its order."""
    for element in management:
        name = local_name(str(element.tag))
        if element.tag == f"{{{namespace}}}{name}" and name in CATEGORIES:
            category = _Category()
            for child in element:
                category.take(local_name(str(child.tag)), text_of(child) or "")
            category.close_rule()
            rules = tuple(
                Rule(name, rule.code, rule.start_date, category.final_action, rule.hold_end_date)
                for rule in category.rules
            )
            yield RuleCategory(name, rules, category.final_action, category.prevented, tuple(category.refused))
