"""Which agreement a deposit is made under: our projection first, admin when it misses."""

from dataclasses import fields
from datetime import date
from urllib.parse import quote
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest import queries
from services.ingest.domain.agreement import (
    Agreement,
    Antivirus,
    Decision,
    MatchHeader,
    ReplyCodes,
    Signatures,
    UnknownRules,
    Usages,
)
from services.ingest.domain.profile import reference_of
from services.ingest.parts import Ingest
from services.ingest.refusals import note_refusal, refusals_noted
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messages.admin import AgreementV1
from shared.problems import Problem, noted


async def agreement_for(ingest: Ingest, caller: Caller, wanted: str, today: date) -> AgreementV1:
    """Return the agreement the caller may deposit under today.

    Raises a 403 `Problem` for one that does not exist or is not theirs (the same answer), 409 for one that is
    suspended or out of its dates; either is journaled.
    """
    found = await known_agreement(ingest, wanted)
    if found is None or found.establishment not in caller.scope(Permission.TRANSFER_DEPOSIT):
        # Nothing of it may stand in the journal of an establishment with which the caller has no dealings.
        await note_refusal(ingest.database, caller.subject, "agreement_unknown", None)
        raise noted(
            Problem(
                403,
                "agreement_unknown",
                "Cet accord de versement n'existe pas, ou ne vous est pas ouvert.",
                "This agreement does not exist, or is not open to you.",
            )
        )
    async with refusals_noted(ingest.database, caller.subject, found):
        refuse_closed(found, today)
    return found


async def refuse_suspended(connection: AsyncConnection, agreement: UUID) -> None:
    """Raise a 409 `Problem` where an agreement is suspended: then nobody accepts anything under it."""
    (found,) = await queries.find_agreements(connection, [str(agreement)])
    if found is not None:
        _refuse_state(found)


def _refuse_state(found: AgreementV1) -> None:
    if found.state != "active":
        raise Problem(
            409,
            "agreement_suspended",
            "Cet accord de versement est suspendu.",
            "This agreement is suspended.",
        )


def refuse_closed(found: AgreementV1, today: date) -> None:
    """Raise a 409 `Problem` where nothing may be deposited today under an agreement: suspended, or out of dates."""
    _refuse_state(found)
    if (found.valid_from and today < found.valid_from) or (found.valid_to and today > found.valid_to):
        raise Problem(
            409,
            "agreement_out_of_dates",
            f"Cet accord de versement vaut du {found.valid_from or '…'} au {found.valid_to or '…'}.",
            f"This agreement is valid from {found.valid_from or '…'} to {found.valid_to or '…'}.",
        )


def most_bytes(ingest: Ingest, agreement: AgreementV1) -> int:
    """Return how large a deposit under an agreement may be: by its own word, and never beyond the room's."""
    most = ingest.settings.max_sip_bytes
    return min(agreement.max_bytes or most, most)


async def known_agreement(ingest: Ingest, wanted: str) -> AgreementV1 | None:
    """Return an agreement by id or identifier, asking admin for one that we have not heard of yet."""
    found = await ingest.agreements.add(wanted)
    if found is not None:
        return found
    answer = await ingest.calls.get_json("admin", f"/admin/v1/agreements/{quote(wanted, safe='')}")
    if answer is None:
        return None
    asked = AgreementV1.model_validate(answer)
    async with ingest.database.begin() as tx:
        await queries.keep_agreement(tx.connection, asked)
    return asked


def judged_by(published: AgreementV1) -> Agreement:
    """Return an agreement as the checks take it."""
    known = {field.name for field in fields(Agreement)}
    values = {name: value for name, value in published.model_dump().items() if name in known}
    return Agreement(
        **values
        | {
            "match_header": MatchHeader(published.match_header),
            "unknown_rules": UnknownRules(published.unknown_rules),
            "usages": Usages(published.usages),
            "decision": Decision(published.decision),
            "antivirus": Antivirus(published.antivirus),
            "reply_codes": ReplyCodes(published.reply_codes),
            "signatures": Signatures(published.signatures),
            "message_signature": Signatures(published.message_signature),
            "profiles": tuple(map(reference_of, values["profiles"])),
        }
    )
