"""Alembic asks for this file; the work is done in one place for every room."""

from shared.database.migrations import run

run("access")
