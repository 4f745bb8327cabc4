"""What every step of a rebuild works with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.rebuild.report import Report
from services.rebuild.scratch import Scratch
from shared.checksums import MIB
from shared.messaging.transaction import RoomDatabase
from shared.object_store.keeping import SiteStore

MOST_WHOLE = 256 * MIB
"""Bytes of a record or a container that are taken into memory; ours are smaller by far."""


class TooLarge(Exception):
    """An object that should be small is not."""


@dataclass(frozen=True, slots=True)
class House:
    """The databases of the rooms, the site that is read, the names of all sites, and what is known so far.

    A trial (`dry`) reads all that a rebuild reads, and writes to no database. `others` are the other sites, which are
    asked for what no line tells of; `take_unlogged`: it is taken though none of them has it.
    """

    rooms: Mapping[str, RoomDatabase]
    site: str
    store: SiteStore
    sites: Sequence[str]
    scratch: Scratch
    report: Report
    dry: bool = False
    others: Mapping[str, SiteStore] = field(default_factory=dict)
    take_unlogged: bool = False

    async def read(self, key: str, size: int, version_id: str | None) -> bytes:
        """Return a small object, in the version that was recorded. Raises `TooLarge`, and what the store raises."""
        if size > MOST_WHOLE:
            raise TooLarge(f"{key} has {size} bytes")
        content = bytearray()
        async for chunk in await self.store.open_range(key, version_id):
            content += chunk
            if len(content) > MOST_WHOLE:
                raise TooLarge(f"{key} has more bytes than the {size} that were to be there")
        return bytes(content)
