"""Publish rule codes: each change is a new version of the code."""

from collections.abc import Sequence

from services.admin.domain.rule import Rule, rule_faults
from services.admin.handlers.journal import event
from services.admin.problems import everywhere_only, refuse
from services.admin.queries import rules
from shared.identifiers import new_id
from shared.identity.caller import Caller
from shared.identity.rights import Permission
from shared.messages.admin import RulesPublishedV1
from shared.messaging.transaction import Transaction


async def publish(tx: Transaction, caller: Caller, new: Sequence[Rule]) -> int:
    """Add the rules that are new and the new form of those that changed; return how many. Raises 403, 422."""
    if caller.scope(Permission.AGREEMENT_MANAGE).establishments is not None:
        raise everywhere_only()
    refuse(rule_faults(new))
    changed = await rules.publish(tx.connection, new)
    if changed:
        publication = new_id()
        tx.post(RulesPublishedV1(publication=publication, published_by=caller.subject, rules=tuple(changed)))
        details: dict[str, str | int] = {"changed": len(changed), "publication": str(publication)}
        tx.journal(event("rules.published", caller.subject, "rules", details=details))
    return len(changed)
