"""What proof tells besides its queues: gaps in senders' batches, lines that should have left, packages to read."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from prometheus_client import Gauge

from services.proof import container_queries, group_queries, queries
from services.proof.handlers import show_states
from services.proof.signing.port import ProofSigner
from shared.clock import now
from shared.gauges import Measure
from shared.messaging.transaction import RoomDatabase

OVERDUE = Gauge(
    "chartrier_journal_overdue_seconds",
    "How much older than its period the oldest line is that is not on every site (0: none is)",
)

UNGATHERED = Gauge(
    "chartrier_packages_ungathered_oldest_seconds",
    "Age of the oldest stored package of which no seal can have what it is made of yet (0: there is none)",
)


SIGNER_ENDS = Gauge(
    "chartrier_signer_certificate_ends_seconds",
    "When the certificate of the archive's key ends (Unix time; 0: not known yet)",
)


async def measure_signer(signer: ProofSigner, _: RoomDatabase) -> None:
    """Set when the certificate of the archive's key ends. Raises `TryAgain` while the key is away."""
    await signer.open()
    SIGNER_ENDS.set(signer.ends_at.timestamp())


async def measure_gaps(database: RoomDatabase) -> None:
    """Set what waits of every sender: another process than this one may have taken it in, or seen the gap fill."""
    async with database.reading() as connection:
        show_states(await queries.sender_states(connection))


async def measure_overdue(period: timedelta, database: RoomDatabase) -> None:
    """Set by how much the oldest line that is in this database alone is late."""
    async with database.reading() as connection:
        oldest = await container_queries.oldest_alone(connection)
    late = timedelta(0) if oldest is None else now() - oldest - period
    OVERDUE.set(max(0.0, late.total_seconds()))


async def measure_ungathered(database: RoomDatabase) -> None:
    """Set how long the oldest package waits to be read; one that was given up waits too."""
    async with database.reading() as connection:
        oldest = await group_queries.oldest_ungathered(connection)
    UNGATHERED.set(0 if oldest is None else max(0.0, (now() - oldest).total_seconds()))


def measures(period: timedelta, signer: ProofSigner) -> Sequence[Measure]:
    """Return what is measured where lines leave for the sites once a period, and `signer` seals them."""
    return (
        Measure("journal_gaps", measure_gaps),
        Measure("journal_overdue", partial(measure_overdue, period)),
        Measure("signer", partial(measure_signer, signer)),
        Measure("packages_ungathered", measure_ungathered),
    )
