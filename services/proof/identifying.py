"""Identifiers in the paths of requests: one that is none names nothing, as any other that does not exist.

In a route they stand behind the caller: a stranger is told of nothing but the door.
"""

from typing import Annotated
from uuid import UUID

from fastapi import Depends

from shared.problems import not_found


def aip_of(aip_id: str) -> UUID:
    """Return the AIP that a path names. Raises a 404 `Problem`."""
    return _identifier(aip_id)


def transfer_of(transfer_id: str) -> UUID:
    """Return the transfer that a path names. Raises a 404 `Problem`."""
    return _identifier(transfer_id)


def _identifier(named: str) -> UUID:
    try:
        return UUID(named)
    except ValueError as error:
        raise not_found() from error


Aip = Annotated[UUID, Depends(aip_of)]
Transfer = Annotated[UUID, Depends(transfer_of)]
