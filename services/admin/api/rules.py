"""The rule referential: which codes there are, what they govern, for how long."""

from typing import Annotated, Any

from fastapi import APIRouter

from services.admin.domain.rule import Rule
from services.admin.handlers import rules as handlers
from services.admin.queries import rules as queries
from services.admin.schemas import RulesBody
from shared.identity.caller import Caller
from shared.identity.guard import requires
from shared.identity.rights import Permission
from shared.messaging.transaction import RoomDatabase


def routes(database: RoomDatabase) -> APIRouter:
    """Return the routes of the rule referential."""
    router = APIRouter(prefix="/admin/v1/rules", tags=["rules"])

    @router.get("", dependencies=[requires(Permission.SELF)])
    async def list_rules() -> list[dict[str, Any]]:
        """Return every rule code; they are the same for everybody."""
        async with database.engine.connect() as connection:
            return [_shown(rule) for rule in await queries.current(connection)]

    @router.put("")
    async def publish_rules(
        body: RulesBody, caller: Annotated[Caller, requires(Permission.AGREEMENT_MANAGE)]
    ) -> dict[str, int]:
        """Add rules, and give those of the same code another form; the others stay."""
        new = [Rule(one.code, one.category, one.duration, one.final_action) for one in body.rules]
        async with database.begin() as tx:
            return {"changed": await handlers.publish(tx, caller, new)}

    return router


def _shown(rule: Rule) -> dict[str, Any]:
    shown = {"code": rule.code, "category": rule.category.value, "duration": rule.duration}
    return shown if rule.final_action is None else {**shown, "final_action": rule.final_action}
