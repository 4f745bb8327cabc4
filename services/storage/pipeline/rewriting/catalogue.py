"""The catalogue of the new version: lines of what went say only that it went, offsets are those of the new TAR.

The format is described in `services/ingest/pipeline/aip/catalogue.py`, which writes version n. To it are added, as
its version 1 allows: in the AIP's line ``aip_version`` and ``purges``, in its counts ``purged_units`` and
``purged_objects``; and two short kinds of line::

    {"type": "unit", "id", "parents", "purged": {"order", "at"}}
    {"type": "object", "id", "kind", "size", "sha512", "declared": {"algorithm", "digest"}, "purged": {"order", "at"}}
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.storage.domain.rewriting import RewritePlan
from services.storage.pipeline.rewriting.scope import Scope

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
# Quotes inside a JSON text are escaped: this stands nowhere but in its place.
_OFFSET = re.compile(rb',"offset":( *\d+),')
_OFFSET_COLUMNS = 15
REFERENCES = frozenset(
    {
        "ArchiveUnitRefId",
        "DataObjectReferenceId",
        "DataObjectGroupReferenceId",
        "SignedObjectId",
        "SignedDocumentReferenceId",
    }
)
"""Elements of SEDA whose text is the XML identifier of a unit, an object or a group (2.0 to 2.3)."""
_NAMES_ANY = re.compile("|".join(sorted(REFERENCES)).encode())


def rewritten_lines(
    lines: Iterable[bytes], scope: Scope, plan: RewritePlan, files: tuple[int, int], offsets: Mapping[str, int]
) -> Iterator[bytes]:
    """Yield the lines of the new catalogue; `files` are how many are left and their bytes.

    Their lengths are the same whatever the offsets; a path that is not in `offsets` stands at 0.
    """
    purged = {"order": str(plan.order_id), "at": plan.planned_at}
    for line in lines:
        entry = json.loads(line)
        if entry["type"] == "aip":
            yield _line(_aip(entry, scope, plan, files))
        elif "purged" in entry:
            yield line
        elif entry["type"] == "unit":
            yield _unit(line, entry, scope, purged)
        else:
            yield _object(line, entry, scope, purged, offsets)


def _aip(head: dict[str, Any], scope: Scope, plan: RewritePlan, files: tuple[int, int]) -> dict[str, Any]:
    purge = {"order": str(plan.order_id), "at": plan.planned_at, "version": plan.version}
    return {
        **head,
        "roots": [root for root in head["roots"] if root not in scope.units],
        "counts": {**head["counts"], **scope.counts, "files": files[0], "bytes": files[1]},
        "aip_version": plan.version,
        "purges": [*head.get("purges", ()), purge],
    }


def _unit(line: bytes, unit: dict[str, Any], scope: Scope, purged: Mapping[str, str]) -> bytes:
    if unit["id"] in scope.units:
        return _line({"type": "unit", "id": unit["id"], "parents": unit["parents"], "purged": purged})
    if _NAMES_ANY.search(line) is None:
        return line
    content = _without_names(unit["content"], scope.marks)
    return line if content == unit["content"] else _line({**unit, "content": content})


def _without_names(value: object, marks: Mapping[str, str]) -> object:
    """Return a SEDA Content in which no reference names what went."""
    if isinstance(value, list):
        return [_without_names(each, marks) for each in value]
    if isinstance(value, dict):
        return {
            name: _renamed(inner, marks) if name in REFERENCES else _without_names(inner, marks)
            for name, inner in value.items()
        }
    return value


def _renamed(value: object, marks: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return marks.get(value.strip(), value)
    if isinstance(value, list):
        return [_renamed(each, marks) for each in value]
    return {name: _renamed(inner, marks) for name, inner in value.items()} if isinstance(value, dict) else value


def _object(
    line: bytes, found: dict[str, Any], scope: Scope, purged: Mapping[str, str], offsets: Mapping[str, int]
) -> bytes:
    if found["id"] in scope.objects:
        kept = {name: found[name] for name in ("type", "id", "kind", "size", "sha512")}
        declared = {name: found["declared"][name] for name in ("algorithm", "digest")}
        return _line({**kept, "declared": declared, "purged": purged})
    if found["path"] is None:
        return line
    offset = b"%*d" % (_OFFSET_COLUMNS, offsets.get(found["path"], 0))
    return _OFFSET.sub(b',"offset":' + offset + b",", line, count=1)


def _line(value: Mapping[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode() + b"\n"
