"""Anchors, seals and renewals are kept on every site, so that what they prove needs no database."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from services.storage.domain.keys import PROOFS, proof_key
from services.storage.handlers import Arrival, Handle, take_once
from shared.messages.proof import ProofFiledV1
from shared.messaging.transaction import Transaction

KINDS = UUID("b2d1b1d4-1a0e-4b7e-8f57-7c52a1c1f0ab")
"""The namespace (RFC 9562, section 5.5) in which a kind of proof gives the id of what is kept of it."""


def proof_id(kind: str) -> UUID:
    """Return the id that the proofs of a kind are kept under, each as a version of its own."""
    return uuid5(KINDS, kind)


def proof_facts(kind: str, number: int) -> dict[str, str]:
    """Return what is kept of what proof told of a proof."""
    return {"kind": kind, "staging_key": f"proof/{kind}s/{number:016}.{PROOFS[kind]}"}


def take_proofs(sites: Sequence[str]) -> Handle:
    """Return the handler that takes proofs in, to be copied to `sites`; others under a number raise `Rejected`."""

    async def handle(tx: Transaction, messages: Sequence[ProofFiledV1]) -> None:
        await take_once(tx, [_arrival(message) for message in messages], sites)

    return handle


def _arrival(message: ProofFiledV1) -> Arrival:
    values = {
        "id": proof_id(message.kind),
        "version": message.number,
        "kind": "proof",
        "establishment": None,
        "key": proof_key(message.kind, message.number),
        "sha512": message.sha512,
        "size": message.size,
        "facts": proof_facts(message.kind, message.number),
    }
    return Arrival(values, message.message_id)
