"""``python -m services.admin create-client``: a client made by whoever may reach the database.

For installations without CHARTRIER_HOME, where no first client is made, and for an operator locked out.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from services.admin.domain.client import Grant
from services.admin.handlers import clients as handlers
from services.admin.queries import organisations
from shared.configuration import read
from shared.database.engine import room_engine
from shared.identity.caller import Scope
from shared.identity.rights import Role
from shared.messaging.transaction import RoomDatabase
from shared.settings import RoomSettings

NAME = "create-client"
ACTOR = "operator:command"


def create_client(arguments: Sequence[str]) -> int:
    """Create a client and print its credentials, this once; return the exit status."""
    parser = argparse.ArgumentParser(prog=f"services.admin {NAME}")
    parser.add_argument("--role", action="append", required=True, choices=[role.value for role in Role])
    parser.add_argument("--establishment", default=handlers.ALL, help="id or identifier; default: all")
    parser.add_argument("--name", default="Client créé en ligne de commande")
    asked = parser.parse_args(arguments)
    roles = tuple(Role(role) for role in asked.role)
    settings = read(RoomSettings)
    made = asyncio.run(_create(settings, asked.name, asked.establishment, roles))
    if made is None:
        sys.stderr.write(f"Établissement introuvable : {asked.establishment}\n")
        return 1
    facts = {
        "base_url": settings.base_url,
        "client_id": str(made.client_id),
        "client_secret": made.client_secret,
    }
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    return 0


async def _create(
    settings: RoomSettings, name: str, establishment: str, roles: tuple[Role, ...]
) -> handlers.Credentials | None:
    engine = room_engine(settings.database_url.get_secret_value(), "admin", pool=1)
    try:
        async with RoomDatabase(engine, "admin").begin() as tx:
            place = None
            if establishment != handlers.ALL:
                found = await organisations.find(tx.connection, Scope(None), establishment, "establishment")
                if found is None:
                    return None
                place = found.id
            return await handlers.enter(tx, ACTOR, name, None, (Grant(place, roles),))
    finally:
        await engine.dispose()
