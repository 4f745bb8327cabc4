"""Containers with staging in a bucket: written twice they are one, and forgotten once every site has them."""

import pytest

from services.local import seaweedfs
from services.proof import container_queries as queries
from services.proof.closing import Closer
from shared.messages.storage import JournalStoredV1
from shared.messaging.consumer import Consumer
from shared.messaging.transaction import RoomDatabase
from shared.object_store.errors import NoSuchObject
from tests.contracts.object_stores import bucket_url, prepared
from tests.integration.proof.test_closing import Room, told
from tests.servers import Databases

pytestmark = pytest.mark.integration


async def test_a_container_in_a_bucket_is_written_again_as_it_was_and_forgotten_when_stored(
    consumer: Consumer, database: RoomDatabase, databases: Databases, seaweed: seaweedfs.Site
) -> None:
    room = Room(consumer)
    await room.tells(3)
    async with prepared(bucket_url(seaweed, "containers", "?versions=no")) as staging:
        closer = Closer(database, staging)
        await closer.close_journal(room.journal, whole=True)
        # As if whoever wrote it had died before it was told of.
        await databases.as_superuser("UPDATE proof.container SET closed_at = NULL, sha512 = NULL, size = NULL")
        await closer.close_journal(room.journal, whole=True)

        first, second = await told(database)
        again = {"message_id": first.message_id, "occurred_at": first.occurred_at}
        assert second.model_copy(update=again) == first
        assert (await staging.sha512(second.staging_key)).sha512 == second.sha512

        async with database.begin() as tx:
            stored = JournalStoredV1(journal=second.journal, number=second.number, sha512=second.sha512)
            await closer.forget_stored(tx, [stored])
        with pytest.raises(NoSuchObject):
            await staging.stat(second.staging_key)
    async with database.reading() as connection:
        assert await queries.count_awaited(connection) == 0
