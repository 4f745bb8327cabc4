"""Every trial by its name."""

from trials.deposits import UnderLoad
from trials.fault_points import PLACES
from trials.fault_points import play as fault_points
from trials.fuzz import play as fuzz
from trials.mishaps import burn_database, kill_rooms, restart_broker, restart_database, restart_site
from trials.run import Trial
from trials.schema_mutants import play as schema_mutants
from trials.schemas import play as schemas
from trials.uploads import play as uploads

_ALL = (
    Trial(
        "kill-rooms",
        "rooms die by kill -9 at random moments while deposits come in",
        UnderLoad(kill_rooms),
        count=200,
    ),
    Trial(
        "restart-broker",
        "RabbitMQ is killed or stopped under load, and comes back",
        UnderLoad(restart_broker, wave=10),
        count=200,
    ),
    Trial(
        "restart-database",
        "PostgreSQL is killed or stopped under load, and comes back",
        UnderLoad(restart_database, wave=10),
        count=200,
    ),
    Trial(
        "two-processes",
        "each room has two processes on one database and broker; one or two of the twelve die at random moments",
        UnderLoad(kill_rooms, processes=2),
        count=200,
    ),
    Trial(
        "sites",
        "a site is killed or stopped under load, and comes back",
        UnderLoad(restart_site, wave=10),
        count=200,
    ),
    Trial(
        "burn-database",
        "the disks of PostgreSQL burn under load; a base backup and the log that was kept elsewhere restore it",
        UnderLoad(burn_database, wave=20),
        count=200,
    ),
    Trial(
        "fault-points",
        "at each named place between two side effects a process dies, and what it left comes to the same end",
        fault_points,
        count=len(PLACES),
        hours=2,
    ),
    Trial(
        "schema-mutants",
        "our SEDA schemas and the official ones give each of thousands of spoilt messages the same verdict",
        schema_mutants,
        count=104,
    ),
    Trial(
        "fuzz",
        "packages made by rules and by chance are judged in a process of their own: no crash, 5 s of hang or 300 MiB",
        fuzz,
        count=2000,
    ),
    Trial(
        "schemas",
        "requests drawn from the OpenAPI of each room: no 5xx, and no answer that it does not describe",
        schemas,
        count=60,
    ),
    Trial(
        "uploads",
        "one deposit of 5 GiB is uploaded over connections that break, and through deaths of its room, 20 times",
        uploads,
        count=20,
        hours=2,
    ),
)

TRIALS = {trial.name: trial for trial in _ALL}
