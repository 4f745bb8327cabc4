"""Which journal lines say something that a room needs and storage has nowhere else."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.rebuild.scratch import Fact

TRANSFER_ACTIONS = frozenset({"transfer.received", "transfer.accepted", "transfer.rejected", "aip.built"})
AUTHOR_ACTIONS = frozenset({"agreement.published", "profile.uploaded", "profile.approved", "profile.withdrawn"})
GONE_ACTIONS = frozenset({"copy.deleted", "copy.attested_destroyed"})
"""What tells that a site no longer holds a copy: as was looked for there, or because the site itself is no more."""
COPY_ACTIONS = GONE_ACTIONS | {"copy.written"}

CATALOGUED = "aip.catalogued"

PURGED = "purged"
"""How facts about a transfer are sorted that records of purges tell of, with the order's id."""


def facts_of(lines: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """Yield what is worth keeping of lines, each as the object that its canonical JSON is."""
    for line in lines:
        action, details = line["action"], line["details"]
        if action in COPY_ACTIONS and line["outcome"] == "ok":
            yield copies_of(details["key"]), details["site"], _said(line)
        elif action in TRANSFER_ACTIONS and line["transfer"] is not None:
            yield f"transfer:{line['transfer']}", action, _said(line)
        elif action in AUTHOR_ACTIONS or action == CATALOGUED:
            yield line["object"], f"{action} {details['version']}", _said(line)


def copies_of(key: str) -> str:
    """Return what facts about the copies of a key are about; each is of the sort of its site."""
    return f"copy:{key}"


def _said(line: Mapping[str, Any]) -> dict[str, Any]:
    names = ("action", "actor", "outcome", "object", "establishment", "occurred_at", "recorded_at", "details")
    return {name: line[name] for name in names}
