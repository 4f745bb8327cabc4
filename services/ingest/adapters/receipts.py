"""The receipt of a transfer, which proof issues."""

from uuid import UUID

import httpx

from shared.calls import RoomCalls, RoomUnavailable
from shared.identity.caller import Caller


async def receipt_of(calls: RoomCalls, caller: Caller, transfer: UUID) -> bytes | None:
    """Return the signed receipt of a transfer; None where it is not issued yet. Raises `RoomUnavailable`."""
    try:
        async with calls.stream("proof", f"/proof/v1/transfers/{transfer}/receipt", caller=caller) as answer:
            # Proof may not have heard yet of a transfer that we have accepted.
            if answer.status_code in {404, 409}:
                return None
            if answer.status_code != 200:
                raise RoomUnavailable(f"proof: {answer.status_code} for the receipt of {transfer}")
            return bytes(await answer.aread())
    except httpx.HTTPError as error:
        raise RoomUnavailable(f"proof: {type(error).__name__}") from error
