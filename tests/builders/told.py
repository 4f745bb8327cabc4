"""What a room has journaled, as it stands in its outbox."""

from shared.messages.journal import JournalLinesV1, JournalLineV1
from tests.servers import Databases


async def lines_of(databases: Databases, room: str, *actions: str) -> list[JournalLineV1]:
    """Return the lines of these acts (all without any), in the order of their transactions."""
    query = f"SELECT body FROM {room}.outbox WHERE topic = 'journal.lines.v1' ORDER BY message_id"  # noqa: S608
    batches = [JournalLinesV1.model_validate_json(row["body"]) for row in await databases.as_superuser(query)]
    return [line for batch in batches for line in batch.lines if not actions or line.action in actions]
