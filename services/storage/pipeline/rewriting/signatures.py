"""The report on signatures of the new version: of files that went, what came of their signatures is left, no name.

`services/ingest/pipeline/signatures/report.py` writes the report: its head on one line, then a signature a line. What
a signature covers is told by the whole paths of files, or in words about the signed file itself; the sentences of
broken rules quote whatever the signature names, encoded, cut or from another folder: they stay only where they
certainly speak of something that is left. The key of the rule stays in any case.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from services.storage.domain.rewriting import RewritePlan

_KEPT = ("form", "conclusion", "status", "covers_all", "algorithms")
_TEXTS = ("rule_fr", "rule_en")
_OF_ITSELF: Final = frozenset(
    {
        *("too_large", "too_many", "value", "covers_nothing", "message_part", "covers_unclear", "unbound"),
        *("no_certificate", "other_certificate", "no_anchors", "no_chain", "chain", "key_usage", "expired"),
        *("not_yet_valid", "revoked", "revoked_since", "revocation_unknown", "future", "weak", "imprint"),
    }
)
"""Rules whose sentences name nothing but the signature's certificate, times, numbers and algorithms."""
_WHOLE: Final = "the whole document"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def rewritten_report(
    lines: Iterable[bytes], gone_paths: frozenset[str], kept_paths: frozenset[str], plan: RewritePlan
) -> Iterator[bytes]:
    """Yield the lines of the new report; paths are relative to the manifest's folder, as in the report."""
    for line in lines:
        body = line.rstrip(b",\n")
        if not body.startswith(b'{"file":'):
            yield line
            continue
        signature = json.loads(body)
        shown = _shown(signature, gone_paths, kept_paths, plan)
        yield line if shown == signature else _ENCODER.encode(shown).encode() + line[len(body) :]


def _shown(
    signature: Mapping[str, Any], gone: frozenset[str], kept: frozenset[str], plan: RewritePlan
) -> Mapping[str, Any]:
    if signature["file"] is None:  # gone by an earlier order
        return signature
    if signature["file"] in gone:
        left = {name: signature[name] for name in _KEPT if name in signature}
        return {"file": None, **left, "purged": {"order": str(plan.order_id), "at": plan.planned_at}}
    of_message = signature["file"] not in kept
    covers, documents = signature.get("covers", []), signature.get("documents", [])
    shown = {
        **signature,
        "covers": [each for each in covers if _stays(each, gone) and (not of_message or each.startswith(_WHOLE))],
        "documents": [each for each in documents if _stays(each, gone)],
    }
    if isinstance(signature.get("time_stamp"), dict):
        shown["time_stamp"] = _told(signature["time_stamp"])
    return shown if _names_what_it_covers(shown, signature) else _told(shown)


def _stays(named: str, gone: frozenset[str]) -> bool:
    return named not in gone and unquote(named) not in gone


def _names_what_it_covers(shown: Mapping[str, Any], signature: Mapping[str, Any]) -> bool:
    """Say whether the sentence is about what a CMS signature covers, all of which is left: it quotes that path."""
    covered = signature.get("covers", [])
    return (
        (signature.get("form"), signature.get("rule")) == ("CAdES", "digest")
        and covered != []
        and shown["covers"] == covered
    )


def _told(fault: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was broken, in words only where these certainly tell of nothing that went."""
    return {name: value for name, value in fault.items() if name not in _TEXTS or fault.get("rule") in _OF_ITSELF}
