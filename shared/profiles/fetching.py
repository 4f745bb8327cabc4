"""The bytes of a profile, which no message carries: asked of admin."""

from uuid import UUID

import httpx

from shared.calls import RoomCalls, RoomUnavailable
from shared.checksums import sha512_of


async def fetch_profile(calls: RoomCalls, profile: UUID, version: int, sha512: str, size: int) -> bytes:
    """Return the content of a version, in the room's own name.

    Raises `RoomUnavailable` where it is not to be had, or is not of the digest and `size` (bytes) that were told.
    """
    path = f"/admin/v1/profiles/{profile}/versions/{version}/content"
    content = bytearray()
    try:
        async with calls.stream("admin", path) as answer:
            if answer.status_code != 200:
                raise RoomUnavailable(f"admin: {answer.status_code} for {path}")
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > size:
                    break
    except httpx.HTTPError as error:
        raise RoomUnavailable(f"admin: {type(error).__name__}") from error
    if sha512_of(bytes(content)) != sha512:
        raise RoomUnavailable(f"admin: other bytes than those approved for {path}")
    return bytes(content)
