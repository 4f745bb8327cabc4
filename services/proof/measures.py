"""What proof tells besides its queues: the gaps in what the senders of lines have sent."""

from services.proof import queries
from services.proof.handlers import show_states
from shared.gauges import Measure
from shared.messaging.transaction import RoomDatabase


async def measure_gaps(database: RoomDatabase) -> None:
    """Set what waits of every sender: another process than this one may have taken it in, or seen the gap fill."""
    async with database.reading() as connection:
        show_states(await queries.sender_states(connection))


MEASURES = (Measure("journal_gaps", measure_gaps),)
