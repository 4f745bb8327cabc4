"""Which key signs tokens: make one, rotate, revoke, let the next take its turn."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.admin.domain.signing_key import LEAD
from services.admin.handlers.journal import event
from services.admin.queries import keys
from services.admin.sealing import Seal, SigningKey, new_key
from shared.clock import rfc3339
from shared.messages.admin import SigningKeyPublishedV1
from shared.messaging.transaction import Transaction

log = logging.getLogger(__name__)

ACTOR = "room:admin"


@dataclass(frozen=True, slots=True)
class Rotation:
    """A key just published: from when it signs, how long that is from now, and which keys it took out of use."""

    kid: str
    signs_from: datetime
    lead: timedelta = timedelta(0)
    retired: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()


class AlreadyRotating(Exception):
    """Another key is published and about to sign; `kid` and `signs_from` say which and when."""

    def __init__(self, kid: str, signs_from: datetime) -> None:
        super().__init__(f"{kid} signs from {rfc3339(signs_from)}")
        self.kid = kid
        self.signs_from = signs_from


async def key_to_sign_with(tx: Transaction, seal: Seal, held: SigningKey | None) -> SigningKey:
    """Return the key whose turn it is, once all the database says so; without any, make the first.

    A key that none of our secrets opens is no use: we go on with the one we hold for as long as that is safe,
    and make another only after that. Two processes with secrets that differ would else undo each other's.
    """
    await keys.lock(tx.connection)
    kept = await keys.due(tx.connection)
    opened = None if kept is None else seal.open(kept.kid, kept.pkcs8)
    if opened is None:
        if kept is not None:
            log.error("signing key does not open with the secrets of this process", extra={"kid": kept.kid})
        if held is not None and await keys.is_safe_to_sign_with(tx.connection, held.kid):
            return held
        made, _ = await _publish(tx, ACTOR, seal, timedelta(0))
        await _settle(tx, ACTOR, made.kid)
        return made
    await _settle(tx, ACTOR, opened.kid)
    await _seal_again(tx, seal)
    return opened


async def rotate(tx: Transaction, actor: str, seal: Seal, lead: timedelta = LEAD) -> Rotation:
    """Publish a new key that signs after `lead`; the one that signs now goes on until then.

    Where no key signs yet, the new one does at once. Raises `AlreadyRotating`.
    """
    await keys.lock(tx.connection)
    if (next_one := await keys.waiting(tx.connection)) is not None:
        raise AlreadyRotating(next_one.kid, next_one.signs_from)
    if await keys.due(tx.connection) is None:
        lead = timedelta(0)
    made, signs_from = await _publish(tx, actor, seal, lead)
    retired = () if lead else await _settle(tx, actor, made.kid)
    return Rotation(made.kid, signs_from, lead, retired)


async def revoke(tx: Transaction, actor: str, seal: Seal) -> Rotation:
    """Take every key out of the published set and let a new one sign at once: all tokens there are end with it."""
    await keys.lock(tx.connection)
    revoked = await keys.revoke_all(tx.connection)
    made, signs_from = await _publish(tx, actor, seal, timedelta(0))
    for kid in revoked:
        tx.journal(event("signing_key.revoked", actor, f"key:{kid}"))
    return Rotation(made.kid, signs_from, revoked=tuple(revoked))


async def _publish(tx: Transaction, actor: str, seal: Seal, lead: timedelta) -> tuple[SigningKey, datetime]:
    key = new_key()
    signs_from = await keys.add(tx.connection, key.kid, seal.close(key), key.jwk, lead)
    tx.post(SigningKeyPublishedV1(kid=key.kid, jwk=key.jwk, signs_from=signs_from, published_by=actor))
    tx.journal(event("signing_key.made", actor, f"key:{key.kid}", details={"signs_from": rfc3339(signs_from)}))
    return key, signs_from


async def _settle(tx: Transaction, actor: str, kid: str) -> tuple[str, ...]:
    retired = await keys.settle(tx.connection, kid)
    for other in retired:
        tx.journal(event("signing_key.retired", actor, f"key:{other}", details={"followed_by": f"key:{kid}"}))
    return tuple(retired)


async def _seal_again(tx: Transaction, seal: Seal) -> None:
    """Encrypt under today's secret what is still kept under the former one."""
    for kid, pkcs8 in await keys.private_halves(tx.connection):
        key = None if seal.is_under_first(kid, pkcs8) else seal.open(kid, pkcs8)
        if key is not None:
            await keys.seal_again(tx.connection, kid, seal.close(key))
            tx.journal(event("signing_key.sealed_again", ACTOR, f"key:{kid}"))
