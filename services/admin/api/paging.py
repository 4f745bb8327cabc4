"""Lists page by cursor: the id of the last item seen, in the order of creation, to the very end."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query

from shared.problems import Problem

Cursor = Annotated[UUID | None, Query(description="`next` of the page before")]
PageSize = Annotated[int, Query(ge=1, le=1000)]
IfMatch = Annotated[str | None, Header()]


def paged(items: Sequence[dict[str, Any]], ids: Sequence[UUID], limit: int) -> dict[str, Any]:
    """Return one page; `next` is null on the last one."""
    return {"items": list(items), "next": str(ids[-1]) if ids and len(ids) == limit else None}


def expected_version(if_match: str | None) -> int | None:
    """Read ``If-Match: "3"``: the version that a change was prepared on. Raises a 400 `Problem`."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(
            400,
            "invalid_if_match",
            'If-Match attend un numéro de version entre guillemets : "3".',
            'If-Match expects a version number in quotes: "3".',
        )
    return int(text)


def etag(version: int) -> dict[str, str]:
    """Return the header by which a version is known."""
    return {"ETag": f'"{version}"'}
