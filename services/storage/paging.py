"""Lists of storage, page by page: what all of them ask for, and how all of them answer."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Query

T = TypeVar("T")

Cursor = Annotated[UUID | None, Query(description="`next` of the page before")]
PageSize = Annotated[int, Query(ge=1, le=1000)]

USUAL = 100
"""Things on a page unless another number is asked for."""


def a_page(
    found: Sequence[T], limit: int, shown: Callable[[T], dict[str, Any]], place: Callable[[T], object]
) -> dict[str, Any]:
    """Return a page and, where more may follow, the cursor that leads to it: `place` of the last thing on it."""
    return {
        "items": [shown(one) for one in found],
        "next": str(place(found[-1])) if len(found) == limit else None,
    }
