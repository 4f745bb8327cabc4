"""Questions to data management and storage, with the caller's token while the caller waits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from shared.calls import RoomCalls, RoomUnavailable
from shared.identity.caller import Caller
from shared.problems import Problem

_BRANCH_PAGE = 200


class Rooms:
    """The two rooms that access stands before. What the caller may not see is None, as if it were not."""

    def __init__(self, calls: RoomCalls) -> None:
        self._calls = calls

    async def catalogue(self, path: str, caller: Caller, params: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Return data management's answer to `path`, as it gives it."""
        return await self._calls.get_json(
            "data_management", f"/data_management/v1{path}", caller=caller, params=params
        )

    async def unit(self, unit_id: UUID, caller: Caller) -> dict[str, Any] | None:
        """Return an archive unit."""
        return _maybe(await self.catalogue(f"/units/{unit_id}", caller))

    async def data_object(self, object_id: UUID, caller: Caller | None = None) -> dict[str, Any] | None:
        """Return a data object and the place of its bytes; without a caller, as the room itself."""
        path = f"/data_management/v1/objects/{object_id}"
        return _maybe(await self._calls.get_json("data_management", path, caller=caller))

    async def branch(self, unit_id: UUID) -> AsyncIterator[dict[str, Any]]:
        """Yield a unit and all that is below it, parents first, as the room itself; nothing if it is not there."""
        path = f"/data_management/v1/units/{unit_id}/branch"
        params: dict[str, Any] = {"limit": _BRANCH_PAGE}
        while True:
            page = await self._calls.get_json("data_management", path, params=params)
            if page is None:
                return
            for unit in page["items"]:
                yield unit
            if page["next"] is None:
                return
            params["cursor"] = page["next"]

    @asynccontextmanager
    async def content(
        self, aip_id: UUID, version: int | None, offset: int, length: int, caller: Caller | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a range of a version of an AIP; whoever reads it gets exactly `length` bytes, or `RoomUnavailable`.

        `version` is None where a data management of the release before did not tell it.
        """
        if length == 0:
            yield _nothing()
            return
        headers = {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        path = f"/storage/v1/aips/{aip_id}/content{'' if version is None else f'?version={version}'}"
        try:
            async with self._calls.stream("storage", path, caller=caller, headers=headers) as answer:
                if answer.status_code == 410 and caller is not None:
                    raise _eliminated()
                if answer.status_code != 206:
                    raise RoomUnavailable(f"storage: {answer.status_code} for {aip_id}")
                yield _exactly(answer.aiter_raw(), length)
        except httpx.HTTPError as error:
            raise RoomUnavailable(f"storage: {type(error).__name__}") from error


def _eliminated() -> Problem:
    return Problem(
        410,
        "aip_purged",
        "Cette archive a été éliminée ; ses octets ne sont plus communiqués.",
        "This archive was eliminated; its bytes are given to nobody any more.",
    )


def _maybe(answer: Any) -> dict[str, Any] | None:  # noqa: ANN401 (JSON is what it is)
    return None if answer is None else dict(answer)


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in tuple[bytes, ...]():
        yield chunk


async def _exactly(chunks: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    left = length
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise RoomUnavailable(f"storage: {length} bytes asked for, {length - left} given")
