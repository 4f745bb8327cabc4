"""The first client of an installation: made at the first start, left in a file for its operator.

A crash between any two lines must not lock the operator out. The file is written under a temporary name
before the client is committed and takes its place afterwards; where that last step is missing, the client
was never used, and the next start gives it another secret. A session lock covers all of it, so that two
processes starting together do not overwrite each other's file.
"""

import asyncio
import json
import logging
import os
from pathlib import Path

from sqlalchemy import func, select

from services.admin.domain.client import Grant
from services.admin.domain.organisation import Organisation
from services.admin.handlers import clients as handlers
from services.admin.handlers import organisations
from services.admin.handlers.clients import Credentials
from services.admin.queries import clients
from services.admin.queries import organisations as organisation_queries
from shared.identifiers import new_id
from shared.identity.caller import Scope
from shared.identity.rights import Role
from shared.messaging.transaction import RoomDatabase, Transaction

log = logging.getLogger(__name__)

STARTING = 5_715_004
"""The advisory lock of whoever makes the first client."""

FILE = "admin-client.json"
OPERATOR = "OPERATEUR"
ACTOR = "room:admin"
ROLES = (Role.ADMINISTRATOR, Role.ARCHIVIST, Role.SECURITY_OFFICER)
TRYING = (Role.DEPOSITOR, Role.READER)
"""Roles beside, so that a newcomer can try everything with one file."""


async def first_client(database: RoomDatabase, home: Path, base_url: str, *, full: bool) -> None:
    """Make the first client unless there is one, and see that its file is there until it is used."""
    async with database.engine.connect() as guard:
        await guard.execute(select(func.pg_advisory_lock(STARTING)))
        try:
            await _make_or_mend(database, home / FILE, base_url, full=full)
        finally:
            await guard.execute(select(func.pg_advisory_unlock(STARTING)))


async def _make_or_mend(database: RoomDatabase, file: Path, base_url: str, *, full: bool) -> None:
    written: Path | None = None
    async with database.begin() as tx:
        credentials = await _credentials(tx, file, full=full)
        if credentials is not None:
            written = await asyncio.to_thread(_write_beside, file, base_url, credentials)
    if written is not None:
        await asyncio.to_thread(_put_in_place, written, file)
        log.info("first client made", extra={"file": str(file)})


async def _credentials(tx: Transaction, file: Path, *, full: bool) -> Credentials | None:
    if not await clients.any_at_all(tx.connection):
        return await _first(tx, full=full)
    known = await clients.first(tx.connection)
    lost = known is not None and known.first_used_at is None and known.state == "active"
    if known is None or not lost or await asyncio.to_thread(file.exists):
        return None
    return await handlers.re_key(tx, ACTOR, known.id)


async def _first(tx: Transaction, *, full: bool) -> Credentials:
    operator = await _operator(tx)
    grant = Grant(None, ROLES + TRYING if full else ROLES)
    name = "Premier client d’administration"
    return await handlers.enter(tx, ACTOR, name, operator.id, (grant,), bootstrap=True)


async def _operator(tx: Transaction) -> Organisation:
    """Return the organisation of the first client; in an archive made again from a site it is there already."""
    known = await organisation_queries.find(tx.connection, Scope(None), OPERATOR, "archiving_operator")
    if known is not None:
        return known
    new = Organisation(new_id(), 1, "archiving_operator", OPERATOR, "Opérateur d’archivage")
    await organisations.enter(tx, ACTOR, new)
    return new


def _write_beside(file: Path, base_url: str, credentials: Credentials) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(file.name + ".new")
    beside.unlink(missing_ok=True)
    # Opened with its final mode: at no moment can another user of the machine read it.
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    facts = {
        "base_url": base_url,
        "client_id": str(credentials.client_id),
        "client_secret": credentials.client_secret,
    }
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(json.dumps(facts, indent=2) + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    return beside


def _put_in_place(beside: Path, file: Path) -> None:
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
