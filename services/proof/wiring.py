"""The composition root of proof."""

from datetime import timedelta

from services.proof.api import routes
from services.proof.handlers import QUEUE, keep_lines
from services.proof.measures import MEASURES
from services.proof.settings import ProofSettings
from shared.messages.journal import JournalLinesV1
from shared.messaging.consumer import Consumer
from shared.messaging.transport import Transport
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings

LINGER_SECONDS = 0.05


def build(settings: RoomSettings, own: ProofSettings, transport: Transport | None = None) -> Room:
    """Return proof, ready to be opened."""
    foundation = lay("proof", settings, transport)
    foundation.gauges.add(*MEASURES)
    router = routes(foundation.database, timedelta(minutes=own.journal_gap_minutes))
    # Lines may wait a moment for others: one transaction then keeps them all.
    consumer = Consumer(QUEUE, foundation.database, {JournalLinesV1: keep_lines}, linger=LINGER_SECONDS)
    return assemble(foundation, router, consumers=[consumer])
