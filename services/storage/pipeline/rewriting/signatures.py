"""The report on signatures of the new version: of files that went, what came of their signatures is left, no name.

`services/ingest/pipeline/signatures/report.py` writes the report: its head on one line, then a signature a line.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.storage.domain.rewriting import RewritePlan

_KEPT = ("form", "conclusion", "status", "covers_all", "algorithms")
_TEXTS = ("rule_fr", "rule_en")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def rewritten_report(lines: Iterable[bytes], gone_paths: frozenset[str], plan: RewritePlan) -> Iterator[bytes]:
    """Yield the lines of the new report; paths are relative to the manifest's folder, as in the report."""
    names = gone_paths | {path.rpartition("/")[2] for path in gone_paths}
    for line in lines:
        body = line.rstrip(b",\n")
        if not body.startswith(b'{"file":'):
            yield line
            continue
        signature = json.loads(body)
        shown = _shown(signature, gone_paths, names, plan)
        yield line if shown == signature else _ENCODER.encode(shown).encode() + line[len(body) :]


def _shown(
    signature: dict[str, Any], paths: frozenset[str], names: frozenset[str], plan: RewritePlan
) -> Mapping[str, Any]:
    if signature["file"] in paths:
        kept = {name: signature[name] for name in _KEPT if name in signature}
        return {"file": None, **kept, "purged": {"order": str(plan.order_id), "at": plan.planned_at}}
    listed = {name: signature.get(name) or [] for name in ("documents", "covers")}
    left = {name: [each for each in value if each not in names] for name, value in listed.items()}
    told = " ".join(signature.get(name, "") for name in _TEXTS)
    if left == listed and not any(name in told for name in names):
        return signature
    return {name: value for name, value in signature.items() if name not in _TEXTS} | left
