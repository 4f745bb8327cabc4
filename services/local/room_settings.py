"""What each room of the full stack is told, as CHARTRIER_ variables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.local import postgres, postgres_roles, rabbitmq, seaweedfs
from shared.database.engine import role_of
from shared.rooms import ROOMS

BUCKET = "chartrier-aips"
# Two stores on one machine are two places in name only, and their names say so to whoever reads a receipt.
PLACES = ("cette machine, magasin A", "cette machine, magasin B")
_LIKELY_KEYS = tuple(seaweedfs.Keys(f"key of {who}", "its secret") for who in ("root", "service", "purger"))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The servers a stack runs on, and what its rooms share; `also` is what they are told besides.

    `purging`: storage is told the keys of purgers, which an earlier release refuses as unknown.
    """

    home: Path
    database: postgres.Postgres
    broker: rabbitmq.Broker
    sites: tuple[seaweedfs.Site, ...]
    base_url: str
    internal_secret: str
    room_ports: Mapping[str, int]
    also: Mapping[str, str] = field(default_factory=dict)
    purging: bool = True


def of_room(room: str, around: Surroundings) -> dict[str, str]:
    """Return the variables of one room; its database address is that of its own role."""
    return {
        **around.also,
        "CHARTRIER_DATABASE_URL": around.database.url(role_of(room)),
        "CHARTRIER_BROKER_URL": around.broker.url,
        # Staging may be elsewhere, or have a reserve: there is nothing in it that a stack must find again.
        "CHARTRIER_STAGING_URL": around.also.get("CHARTRIER_STAGING_URL", (around.home / "staging").as_uri()),
        "CHARTRIER_SIGNER_URL": around.also.get("CHARTRIER_SIGNER_URL", f"development:{around.home / 'proof-keys'}"),
        "CHARTRIER_SITES": _sites(around.sites, purging=around.purging and room == "storage"),
        "CHARTRIER_INTERNAL_SECRET": around.internal_secret,
        "CHARTRIER_BASE_URL": around.base_url,
        "CHARTRIER_ROOM_URLS": json.dumps(
            {name: f"http://127.0.0.1:{port}" for name, port in around.room_ports.items()}
        ),
        "CHARTRIER_HOME": str(around.home),
        # Here a newcomer tries everything with the first client; in production it is not given that much.
        "CHARTRIER_BOOTSTRAP_FULL": "true",
        "CHARTRIER_PORT": str(around.room_ports[room]),
    }


CHOSEN = frozenset(
    {
        "CHARTRIER_DATABASE_URL",
        "CHARTRIER_BROKER_URL",
        "CHARTRIER_SITES",
        "CHARTRIER_BASE_URL",
        "CHARTRIER_ROOM_URLS",
        "CHARTRIER_HOME",
        "CHARTRIER_BOOTSTRAP_FULL",
        "CHARTRIER_PORT",
    }
)
"""What `of_room` says whatever the operator says. The rooms' secret, key and staging are the operator's, if given."""


def likely(home: Path, also: Mapping[str, str]) -> Surroundings:
    """Return surroundings as they will be, to see whether `also` is right before any server runs."""
    folder = home / "full-stack"
    return Surroundings(
        home=folder,
        database=postgres.Postgres(folder / "postgres", folder / "postgres" / "socket"),
        broker=rabbitmq.Broker(folder / "rabbitmq", "amqp://chartrier@127.0.0.1:5672/"),
        sites=tuple(
            seaweedfs.Site(folder / "sites" / one, f"127.0.0.1:{port}", *_LIKELY_KEYS)
            for port, one in enumerate("ab", 8333)
        ),
        base_url="http://127.0.0.1:8000",
        internal_secret=also.get("CHARTRIER_INTERNAL_SECRET", "x" * 43),
        room_ports={room: port for port, room in enumerate(ROOMS, 8001)},
        also=also,
    )


def of_migration(around: Surroundings) -> dict[str, str]:
    """Return the variables of the one command that may change tables: with the owner's address."""
    first = next(iter(around.room_ports))
    owner = around.database.url(postgres_roles.OWNER)
    return {**of_room(first, around), "CHARTRIER_OWNER_DATABASE_URL": owner}


def _sites(sites: tuple[seaweedfs.Site, ...], *, purging: bool) -> str:
    """Declare the sites; who does not purge is not told the keys that can."""
    return json.dumps(
        [
            {
                "name": f"site-{letter}",
                "kind": "s3",
                "place": place,
                "endpoint": site.endpoint,
                "bucket": BUCKET,
                "access_key": site.service.access_key,
                "secret_key": site.service.secret_key,
                "secure": False,
                "lock_mode": "GOVERNANCE",
                **(_of_purger(site.purger) if purging else {}),
            }
            for letter, place, site in zip("ab", PLACES, sites, strict=True)
        ]
    )


def _of_purger(keys: seaweedfs.Keys) -> dict[str, str]:
    return {"purger_access_key": keys.access_key, "purger_secret_key": keys.secret_key}
