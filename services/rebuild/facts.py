"""Which journal lines say something that a room needs and storage has nowhere else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.rebuild.scratch import Fact

TRANSFER_ACTIONS = frozenset({"transfer.received", "transfer.accepted", "transfer.rejected", "aip.built"})
AUTHOR_ACTIONS = frozenset({"agreement.published", "profile.uploaded", "profile.approved", "profile.withdrawn"})
KEY_ACTIONS = frozenset({"signing_key.retired", "signing_key.revoked"})
GONE_ACTIONS = frozenset({"copy.deleted", "copy.attested_destroyed"})
"""What tells that a site no longer holds a copy: as was looked for there, or because the site itself is no more."""

COPY_ACTIONS = GONE_ACTIONS | {"copy.written"}

CATALOGUED = "aip.catalogued"
STORED = "aip.stored"

COPY = "copy:"

_SHA512 = re.compile(r"[0-9a-f]{128}")

LISTED = "listed"
"""How facts about an agreement are sorted that its records tell of: the profiles of a version."""

PURGED = "purged"
"""How facts about a transfer are sorted that records of purges tell of, with the order's id."""


def facts_of(lines: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """Yield what is worth keeping of lines, each as the object that its canonical JSON is.

    Raises `ValueError`, `KeyError` or `TypeError` for one that does not say what its action asks for.
    """
    for line in lines:
        action, details = line["action"], line["details"]
        if action in COPY_ACTIONS and line["outcome"] == "ok":
            yield copies_of(details["key"]), details["site"], _of_a_copy(line)
        elif action in TRANSFER_ACTIONS and line["transfer"] is not None:
            yield f"transfer:{line['transfer']}", action, _said(line)
        elif action in KEY_ACTIONS:
            yield line["object"], action, _said(line)
        elif action in AUTHOR_ACTIONS or action in (CATALOGUED, STORED):
            yield line["object"], f"{action} {details['version']}", _said(line)


def copies_of(key: str) -> str:
    """Return what facts about the copies of a key are about; each is of the sort of its site."""
    return f"{COPY}{key}"


def _of_a_copy(line: Mapping[str, Any]) -> dict[str, Any]:
    details = line["details"]
    texts = (details["key"], details["site"], details["version_id"])
    numbers = (details["size"], details["version"])
    if not (all(isinstance(one, str) for one in texts) and all(isinstance(one, int) and one >= 0 for one in numbers)):
        raise TypeError("no such copy can be")
    if not _SHA512.fullmatch(details["sha512"]):
        raise ValueError("no SHA-512")
    return _said(line)


def _said(line: Mapping[str, Any]) -> dict[str, Any]:
    names = ("action", "actor", "outcome", "object", "establishment", "occurred_at", "recorded_at", "details")
    return {name: line[name] for name in names}
