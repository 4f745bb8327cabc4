"""Questions about the rule referential."""

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.admin.domain.rule import Category, Rule
from services.admin.tables import rule
from shared.messages.admin import RuleV1

_PUBLISH = text(
    """INSERT INTO rule (code, version, category, duration, final_action)
       SELECT new.code, coalesce(old.version, 0) + 1, new.category, new.duration, new.final_action
       FROM unnest(CAST(:codes AS text[]), CAST(:categories AS text[]), CAST(:durations AS text[]),
                   CAST(:actions AS text[])) AS new (code, category, duration, final_action)
       LEFT JOIN LATERAL (SELECT * FROM rule WHERE rule.code = new.code ORDER BY version DESC LIMIT 1) AS old
            ON true
       WHERE (old.category, old.duration, old.final_action)
             IS DISTINCT FROM (new.category, new.duration, new.final_action)
       RETURNING code, version, category, duration, final_action"""
)

_LOCK = text("SELECT pg_advisory_xact_lock(5715003)")


async def current(connection: AsyncConnection) -> list[Rule]:
    """Return the current version of every rule, by code."""
    query = select(rule).ext(distinct_on(rule.c.code)).order_by(rule.c.code, rule.c.version.desc())
    return [
        Rule(row.code, Category(row.category), row.duration, row.final_action)
        for row in await connection.execute(query)
    ]


async def publish(connection: AsyncConnection, rules: Sequence[Rule]) -> list[RuleV1]:
    """Add a version of each rule that is new or not as it was; return those, by code."""
    values = {
        "codes": [one.code for one in rules],
        "categories": [one.category.value for one in rules],
        "durations": [one.duration for one in rules],
        "actions": [one.final_action for one in rules],
    }
    await connection.execute(_LOCK)
    rows = (await connection.execute(_PUBLISH, values)).mappings()
    return sorted((RuleV1.model_validate(row) for row in rows), key=lambda published: published.code)
