"""What every migration after the first release may do: add, and nothing that yesterday's code would stumble over."""

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from typing_extensions import override

from shared.rooms import ROOMS

ROOT = Path(__file__).parents[3]

REFUSED = {
    "takes away what old code may use": r"\b(DROP|TRUNCATE|REVOKE)\b(?! NOT NULL)",
    "renames what old code knows": r"\bRENAME\b",
    "changes a type, and rewrites the table": r"\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b",
    "wants a value that old code does not write": (
        r"\bSET NOT NULL\b|\bADD (COLUMN )?\w+ [^,]*\bNOT NULL\b(?![^,]*\bDEFAULT\b)"
    ),
    "refuses what old code may write": r"\bADD (CONSTRAINT|CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE)\b",
    "keeps writers out while it reads a table": r"\bCREATE (UNIQUE )?INDEX (?!CONCURRENTLY)",
}
REASON = re.compile(r"-- contract: \w.{10,}")
"""A migration that must do it all the same, in a release after nothing needs it any more, says why."""

HALF_MADE = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS (\w+)")
"""Of an index that the migration then makes."""

NEW_TABLE = re.compile(r"\bCREATE TABLE (IF NOT EXISTS )?(\w+)", re.IGNORECASE)


class Said(io.StringIO):
    """Keeps the statements that Alembic would send, one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.statements: list[str] = []

    @override
    def write(self, text: str, /) -> int:
        self.statements.append(text.strip())
        return len(text)


def statements_of(migration: Path) -> list[str]:
    said = Said()
    options = {"as_sql": True, "output_buffer": said}
    spec = importlib.util.spec_from_file_location(migration.stem, migration)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with Operations.context(MigrationContext.configure(dialect_name="postgresql", opts=options)):
        spec.loader.exec_module(module)
        module.upgrade()
    return said.statements


def faults(statements: list[str]) -> Iterator[str]:
    """What is wrong with a migration; a table that it makes itself is no one's yet."""
    new = {match[2] for statement in statements for match in NEW_TABLE.finditer(statement)}
    for statement in statements:
        flat = " ".join(re.sub(r"--.*", "", statement).split())
        half_made = HALF_MADE.fullmatch(flat.rstrip(";"))
        if half_made and any(f"INDEX CONCURRENTLY {half_made[1]} ON" in other for other in statements):
            continue
        if REASON.search(statement) or any(re.search(rf"\b(ON|TABLE) {table}\b", flat) for table in new):
            continue
        yield from (f"{why}: {flat}" for why, words in REFUSED.items() if re.search(words, flat, re.IGNORECASE))


def later_migrations() -> list[Path]:
    every = (path for room in ROOMS for path in (ROOT / "services" / room / "migrations" / "versions").glob("*.py"))
    return sorted(path.relative_to(ROOT) for path in every if not path.name.startswith("0001_"))


@pytest.mark.parametrize("migration", later_migrations(), ids=str)
def test_a_migration_only_adds_or_says_why_not(migration: Path) -> None:
    statements = statements_of(ROOT / migration)

    assert statements
    assert list(faults(statements)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE outbox DROP COLUMN last_error",
        "DROP TABLE inbox",
        "DROP INDEX ix_work_ready",
        "ALTER TABLE outbox RENAME COLUMN topic TO subject",
        "ALTER TABLE outbox\n  ALTER COLUMN attempts TYPE bigint",
        "ALTER TABLE outbox ALTER attempts SET DATA TYPE bigint",
        "ALTER TABLE work ALTER COLUMN cause SET NOT NULL",
        "ALTER TABLE work ADD COLUMN trace text NOT NULL",
        "ALTER TABLE work ADD COLUMN a text NOT NULL, ADD COLUMN b text DEFAULT ''",
        "ALTER TABLE work ADD CONSTRAINT ck_work_key CHECK (key <> '')",
        "CREATE INDEX ix_work_cause ON work (cause)",
        "create unique index uq_work_cause on work (cause)",
        "REVOKE SELECT ON work FROM chartrier_proof",
        "ALTER TABLE work DROP COLUMN trace -- contract: ",
    ],
)
def test_the_rule_sees_what_old_code_would_stumble_over(statement: str) -> None:
    assert len(list(faults([statement]))) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE outbox ADD COLUMN trace text, ADD COLUMN consumer text",
        "ALTER TABLE work ADD COLUMN rank integer NOT NULL DEFAULT 0",
        "ALTER TABLE work ALTER COLUMN payload DROP NOT NULL",
        "CREATE INDEX CONCURRENTLY ix_work_cause ON work (cause)",
        "CREATE UNIQUE INDEX CONCURRENTLY uq_work_cause ON work (cause)",
        "CREATE TABLE seal (id uuid PRIMARY KEY, number bigint NOT NULL)",
        "GRANT SELECT ON work TO chartrier_proof",
        "ALTER TABLE work DROP COLUMN trace -- contract: nothing has read or written it since 0.3.0",
    ],
)
def test_the_rule_lets_pass_what_old_code_does_not_notice(statement: str) -> None:
    assert list(faults([statement])) == []


def test_a_table_that_a_migration_makes_may_be_made_whole() -> None:
    new = "CREATE TABLE seal (id uuid PRIMARY KEY)"
    index = "CREATE INDEX ix_seal_id ON seal (id)"

    assert list(faults([new, index, "ALTER TABLE seal ADD CONSTRAINT ck CHECK (true)"])) == []
    assert len(list(faults([index]))) == 1
