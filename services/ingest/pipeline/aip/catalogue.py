"""``metadata/descriptive/catalogue.ndjson``: all that data management must know of an AIP; format version 1.

The file is UTF-8, one JSON object a line, lines ended by LF. It is read by data management when an AIP is
catalogued, and again whenever the catalogue is rebuilt from storage; it is kept as long as the AIP. Within
version 1 a key may be added, none renamed, removed or given another meaning. Every key below is always
present; ``null`` says that the SIP has nothing there. Digests are lower-case hex, sizes bytes, identifiers
ours unless the key begins with ``xml_``; dates are the depositor's own text.

First line, the AIP::

    {"type": "aip", "format": "chartrier-catalogue", "version": 1,
     "aip_id", "establishment", "transfer_id", "received_at", "planned_at", "depositor",
     "agreement": identifier of the agreement the transfer was judged by, "agreement_version",
     "archival_agreement": the agreement that the manifest names,
     "message_identifier", "message_date", "comment", "seda_version",
     "agencies": {"archival", "transferring", "originating", "submission"},
     "archival_profile", "acquisition_information", "legal_status", "service_level",
     "rules": [category…] of ManagementMetadata, which every root unit inherits,
     "roots": [unit id…], "counts": {"units", "objects", "files", "bytes"}}

Then the archive units, parents always before their children, otherwise as in the manifest, depth first::

    {"type": "unit", "id", "xml_id", "parents": [unit id…], "level", "title", "description", "start_date",
     "end_date", "profile", "rules": [category…], "objects": [object id…], "content": {the SEDA Content}}

A unit that points at a group lists every object of the group. A rule category is::

    {"category": "AppraisalRule"…, "rules": [{"code", "start_date", "final_action", "hold_end_date"}…],
     "final_action", "prevent_inheritance": true|false|null, "ref_non_rule_ids": [code…]}

Then the data objects, as in the manifest::

    {"type": "object", "id", "xml_id", "kind": "binary"|"physical", "group": group id, "xml_group",
     "usage": DataObjectVersion, "physical_id", "filename": as declared, else the last part of the path,
     "path": member of the AIP, without the root folder, "size", "sha512",
     "offset": position in the TAR of the file's first byte,
     "declared": {"algorithm", "digest", "size", "format_id", "mime"} as the depositor wrote them,
     "format": {"puid", "name", "mime"} as identified by us}

After a partial purge (`services/storage/pipeline/rewriting/catalogue.py`) the AIP's line also has ``aip_version``,
``purges`` ([{"order", "at", "version"}…], oldest first) and, in its counts, ``purged_units`` and ``purged_objects``:
the other counts are of what is left. A line of what went has ``purged`` ({"order", "at"}), and besides it nothing but
``type``, ``id`` and, for a unit, ``parents``; for an object ``kind``, ``size``, ``sha512`` and of ``declared``
``algorithm`` and ``digest``. Who reads must look for ``purged`` first.

A physical object, and a binary one whose content is inside the manifest (``Attachment``), have neither
path nor size, sha512, offset and format. Offsets are padded with blanks to 15 columns, which JSON allows:
so the length of this file, on which they depend, does not depend on them.
"""

import json
from collections.abc import Iterable, Iterator

from services.ingest.domain.plan import BuildPlan
from services.ingest.domain.sip import DataObject, Manifest, Rule, RuleCategory, Unit
from services.ingest.pipeline.aip.layout import AipMismatch, Data, PlacedFile

FORMAT = "chartrier-catalogue"
VERSION = 1
_OFFSET_COLUMNS = 15
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def description_lines(manifest: Manifest, plan: BuildPlan, data: Data) -> Iterator[bytes]:
    """Yield the line of the AIP and those of its units, parents first."""
    yield _line(_aip(manifest, plan, data))
    objects = _objects_by_reference(manifest, plan)
    for unit, parents in parents_first(manifest):
        yield _unit_line(unit, [str(plan.unit_id(parent)) for parent in parents], plan, objects)


def object_lines(manifest: Manifest, plan: BuildPlan, data: Data, start: int) -> Iterator[bytes]:
    """Yield the lines of the objects; `start` is the position of ``representations/`` in the TAR.

    Their lengths are the same whatever `start` is.
    """
    for found in manifest.objects:
        placed = data.by_object.get(found.id)
        before = _line(_object_before(found, plan, placed))
        after = _line(_object_after(found, placed))
        offset = b"null" if placed is None else b"%*d" % (_OFFSET_COLUMNS, start + placed.offset)
        yield before[:-2] + b',"offset":' + offset + b"," + after[1:]


def parents_first(manifest: Manifest) -> Iterator[tuple[Unit, list[str]]]:
    """Yield each unit with its parents' XML identifiers, after all of them; raise if units form a cycle."""
    units = {unit.id: unit for unit in manifest.units}
    parents: dict[str, list[str]] = {identifier: [] for identifier in units}
    for unit in manifest.units:
        for child in dict.fromkeys(unit.children):
            if child not in units:
                raise AipMismatch(f"unit {unit.id} holds {child}, which is no unit")
            parents[child].append(unit.id)
    waiting = {identifier: len(above) for identifier, above in parents.items()}
    ready = [unit.id for unit in reversed(manifest.units) if not waiting[unit.id]]
    count = 0
    while ready:
        unit = units[ready.pop()]
        count += 1
        yield unit, parents[unit.id]
        for child in reversed(dict.fromkeys(unit.children)):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if count != len(manifest.units):
        raise AipMismatch("archive units form a cycle, or share an identifier")


def _objects_by_reference(manifest: Manifest, plan: BuildPlan) -> dict[str, list[str]]:
    """Map what a unit may point at, an object or a group, to identifiers of objects."""
    found = {each.id: [str(plan.object_id(each.id))] for each in manifest.objects}
    groups = {
        group: [str(plan.object_id(member)) for member in members] for group, members in manifest.groups.items()
    }
    return groups | found


def _aip(manifest: Manifest, plan: BuildPlan, data: Data) -> dict[str, object]:
    header = manifest.header
    return {
        "type": "aip",
        "format": FORMAT,
        "version": VERSION,
        "aip_id": str(plan.aip_id),
        "establishment": str(plan.establishment),
        "transfer_id": str(plan.transfer_id),
        "received_at": plan.received_at,
        "planned_at": plan.planned_at,
        "depositor": plan.depositor,
        "agreement": plan.agreement_identifier,
        "agreement_version": plan.agreement_version,
        "archival_agreement": header.archival_agreement,
        "message_identifier": header.message_identifier,
        "message_date": header.date,
        "comment": header.comment,
        "seda_version": header.seda_version,
        "agencies": {
            "archival": header.archival_agency,
            "transferring": header.transferring_agency,
            "originating": header.originating_agency,
            "submission": header.submission_agency,
        },
        "archival_profile": header.archival_profile,
        "acquisition_information": header.acquisition_information,
        "legal_status": header.legal_status,
        "service_level": header.service_level,
        "rules": _categories(manifest.management),
        "roots": [str(plan.unit_id(root)) for root in manifest.roots],
        "counts": {
            "units": len(manifest.units),
            "objects": len(manifest.objects),
            "files": len(data.files),
            "bytes": data.size,
        },
    }


def _unit_line(unit: Unit, parents: list[str], plan: BuildPlan, objects: dict[str, list[str]]) -> bytes:
    try:
        held = [identifier for reference in unit.object_refs for identifier in objects[reference]]
    except KeyError as unknown:
        raise AipMismatch(f"unit {unit.id} points at {unknown}, which is no object") from unknown
    described = _line(
        {
            "type": "unit",
            "id": str(plan.unit_id(unit.id)),
            "xml_id": unit.id,
            "parents": parents,
            "level": unit.level,
            "title": unit.title,
            "description": unit.description,
            "start_date": unit.start_date,
            "end_date": unit.end_date,
            "profile": unit.profile,
            "rules": _categories(unit.rules),
            "objects": list(dict.fromkeys(held)),
        }
    )
    # Compact JSON already: reading and writing it again would cost as much as the rest of the line.
    return described[:-2] + b',"content":' + unit.content.encode() + b"}\n"


def _categories(categories: Iterable[RuleCategory]) -> list[dict[str, object]]:
    return [
        {
            "category": each.category,
            "rules": [_rule(rule) for rule in each.rules],
            "final_action": each.final_action,
            "prevent_inheritance": each.prevent_inheritance,
            "ref_non_rule_ids": each.ref_non_rule_ids,
        }
        for each in categories
    ]


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "code": rule.code,
        "start_date": rule.start_date,
        "final_action": rule.final_action,
        "hold_end_date": rule.hold_end_date,
    }


def _object_before(found: DataObject, plan: BuildPlan, placed: PlacedFile | None) -> dict[str, object]:
    file = placed.file if placed else None
    return {
        "type": "object",
        "id": str(plan.object_id(found.id)),
        "xml_id": found.id,
        "kind": found.kind,
        "group": str(plan.group_id(found.group)) if found.group else None,
        "xml_group": found.group,
        "usage": found.usage,
        "physical_id": found.physical_id,
        "filename": found.filename or (file.path.rpartition("/")[2] if file else None),
        "path": placed.name if placed else None,
        "size": file.size if file else None,
        "sha512": file.sha512 if file else None,
    }


def _object_after(found: DataObject, placed: PlacedFile | None) -> dict[str, object]:
    file = placed.file if placed else None
    return {
        "declared": {
            "algorithm": found.algorithm,
            "digest": found.digest,
            "size": found.size,
            "format_id": found.format_id,
            "mime": found.mime,
        },
        "format": {
            "puid": file.puid if file else None,
            "name": file.format_name if file else None,
            "mime": file.mime if file else None,
        },
    }


def _line(value: dict[str, object]) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"
