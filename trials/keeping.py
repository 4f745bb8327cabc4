"""What must be true of the sites: every holding whole on each of them, what was ordered purged on none."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

from minio import Minio

from services.local import room_settings
from trials.evidence import agree
from trials.harm import SITES
from trials.levers import Levers

AT_ONCE = 1 << 20

HoldingKey = tuple[str, int]
"""The identifier and the version of a holding."""


@dataclass(frozen=True)
class Sites:
    """Every site of a stack: the two it has, and those in folders, by name, that it was told of besides."""

    levers: Levers
    folders: Mapping[str, Path] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Return the names of those that hold everything."""
        return {*SITES, *self.folders}

    def lying(self, site: str, key: str, version_id: str | None) -> str:
        """Return the SHA-512 of what a site gives for a copy."""
        sha512 = hashlib.sha512()
        for chunk in self._chunks(site, key, version_id):
            sha512.update(chunk)
        return sha512.hexdigest()

    def traces(self, site: str, key: str) -> list[str]:
        """Return whatever a site still has under a key: versions, markers, files."""
        if site in self.folders:
            path = self.folders[site] / key
            return [str(path)] if path.exists() else []
        found = self._clients[site].list_objects(room_settings.BUCKET, key, include_version=True)
        return [str(one.version_id) for one in found]

    def _chunks(self, site: str, key: str, version_id: str | None) -> Iterator[bytes]:
        if site in self.folders:
            with (self.folders[site] / key).open("rb") as file:
                while chunk := file.read(AT_ONCE):
                    yield chunk
            return
        answer = self._clients[site].get_object(room_settings.BUCKET, key, version_id=version_id)
        try:
            yield from answer.stream(AT_ONCE)
        finally:
            answer.close()
            answer.release_conn()

    @cached_property
    def _clients(self) -> Mapping[str, Minio]:
        return {name: self.levers.stack.start_site(number).client() for number, name in enumerate(SITES)}


def assert_kept(sites: Sites, establishments: Collection[str], purged: Collection[HoldingKey]) -> int:
    """Read every copy of what belongs to these, and to the platform, from its site; return how many were whole.

    `Amiss` where a copy is not what it must be, or anything is left of what was `purged`.
    """
    whole = 0
    for holding, copies in _holdings(sites.levers, establishments).items():
        gone = holding in purged
        name = f"{copies[0]['key']}, version {holding[1]}"
        agree(f"state of {name}", copies[0]["holding_state"], "purged" if gone else "stored")
        counting = [copy for copy in copies if copy["state"] != "retired"]
        state = "purged" if gone else "verified"
        expected = dict.fromkeys(sites.names(), state)
        agree(f"copies of {name}", {copy["site"]: copy["state"] for copy in counting}, expected)
        for copy in counting:
            if gone:
                agree(f"left of {name} on {copy['site']}", sites.traces(copy["site"], copy["key"]), [])
            else:
                found = sites.lying(copy["site"], copy["key"], copy["version_id"])
                agree(f"bytes of {name} on {copy['site']}", found, copy["sha512"])
                whole += 1
    return whole


def _holdings(levers: Levers, establishments: Collection[str]) -> dict[HoldingKey, list[Any]]:
    rows = levers.ask(
        """SELECT holding.id, holding.version, holding.key, holding.sha512, holding.state AS holding_state,
                  copy.site, copy.state, copy.version_id
           FROM holding LEFT JOIN copy ON copy.holding = holding.id AND copy.version = holding.version
           WHERE holding.establishment IS NULL OR holding.establishment = ANY($1::uuid[])""",
        [UUID(one) for one in establishments],
        room="storage",
    )
    found: dict[HoldingKey, list[Any]] = {}
    for row in rows:
        found.setdefault((str(row["id"]), row["version"]), []).append(row)
    return found
