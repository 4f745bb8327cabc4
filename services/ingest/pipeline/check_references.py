"""Each reference designates something that is declared, and of the right kind."""

from collections.abc import Iterator, Mapping

from services.ingest.domain.finding_texts import found
from services.ingest.domain.findings import Finding
from services.ingest.domain.sip import Reference
from services.ingest.pipeline.sip import Sip

_KINDS = {
    "unit": ("an archive unit", "une unité d’archives"),
    "group": ("an object group", "un groupe d’objets"),
    "object": ("a data object", "un objet"),
}
_WANTED = {
    "ArchiveUnitRefId": "unit",
    "DataObjectGroupReferenceId": "group",
    "DataObjectReferenceId": "object",
    "SignedObjectId": "object",
    "SignedDocumentReferenceId": "unit",
    "Relationship": "object",
}


def check_references(sip: Sip) -> Iterator[Finding]:
    """Report every reference to nothing, to a thing of another kind than its element says, or into a group.

    SEDA: an object that belongs to a group is reached through its group.
    """
    manifest = sip.manifest
    # What is neither an object nor a group is a unit, or an ArchiveUnit that only refers to another.
    kinds = {identifier: "unit" for identifier, _ in manifest.identifiers}
    kinds |= dict.fromkeys(manifest.groups, "group")
    kinds |= {each.id: "object" for each in manifest.objects}
    grouped = {each.id: each.group for each in manifest.objects if each.group in manifest.groups}
    return (
        finding
        for reference in manifest.references
        if (finding := _fault(sip, reference, kinds.get(reference.target), grouped)) is not None
    )


def _fault(sip: Sip, reference: Reference, kind: str | None, grouped: Mapping[str, str | None]) -> Finding | None:
    place, element, target = sip.at(reference.line, reference.source), reference.element, reference.target
    if kind is None:
        return found("REFERENCE_UNKNOWN", place, element=element, target=target)
    if kind != _WANTED.get(element, kind):
        english, french = _KINDS[kind]
        return found("REFERENCE_WRONG_KIND", place, element=element, target=target, kind=english, kind_fr=french)
    if element == "DataObjectReferenceId" and target in grouped:
        return found("REFERENCE_INTO_GROUP", place, target=target, group=grouped[target] or "")
    return None
