"""What lies on each site of an AIP now, as storage tells when it has read it all again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from shared.calls import RoomCalls, RoomUnavailable


class Gone(Exception):
    """Storage has no such AIP, or has it no more."""


@dataclass(slots=True)
class Examination:
    """An AIP as storage knows it, each of its copies as it was just read, and one of them taken apart.

    `package` is None where no copy could be.
    """

    sha512: str
    size: int
    sites: list[str]
    copies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    package: Mapping[str, Any] | None = None


async def examine(calls: RoomCalls, aip: UUID, version: int) -> Examination:
    """Have every copy of a version of an AIP read again; as long as that takes, storage says that it goes on.

    Raises `Gone`, and `RoomUnavailable` while storage does not answer, or not to its end.
    """
    try:
        async with calls.stream("storage", f"/storage/v1/aips/{aip}/examination?version={version}") as answer:
            if answer.status_code in {404, 410}:
                raise Gone(f"storage: {answer.status_code}")
            if answer.status_code != 200:
                raise RoomUnavailable(f"storage: {answer.status_code} for {aip}")
            rows = [json.loads(line) async for line in answer.aiter_lines() if line]
    except (httpx.HTTPError, ValueError) as error:
        raise RoomUnavailable(f"storage: {type(error).__name__}") from error
    return _read(rows, aip)


def _read(rows: list[dict[str, Any]], aip: UUID) -> Examination:
    if len(rows) < 2 or "package" not in rows[-1]:
        raise RoomUnavailable(f"storage: its answer about {aip} breaks off")
    first, *copies, last = rows
    found = Examination(first["sha512"], first["size"], first["sites"], package=last["package"])
    found.copies = {copy["site"]: copy for copy in copies}
    return found
