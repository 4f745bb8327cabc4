"""What the edges of ingest work with: the database, the other rooms, staging, and who gathers what for whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.ingest import queries
from services.ingest.adapters.sites import Sites
from services.ingest.arrivals import Arrival, enter
from services.ingest.berths import Berths
from services.ingest.consulting import Consultations
from services.ingest.queries import Transfer
from services.ingest.settings import IngestSettings
from shared.calls import RoomCalls
from shared.limits import Rate
from shared.messages.admin import AgreementV1
from shared.messaging.gathering import Gatherer, recorder
from shared.messaging.transaction import RoomDatabase
from shared.object_store.port import ObjectStore
from shared.rates import Turnstile


@dataclass(frozen=True)
class Ingest:
    """The parts of a running ingest.

    What is wanted by many at one moment is done for all: `agreements` and `transfers` look for one in the
    database (None: there is none), `arrivals` enters a SIP that came in. `consultations` tells of what is read,
    `turnstile` counts deposits of a client,
    `berths` says whether there is room for one more.
    """

    database: RoomDatabase
    calls: RoomCalls
    staging: ObjectStore
    settings: IngestSettings
    agreements: Gatherer[str, AgreementV1 | None] = field(init=False)
    transfers: Gatherer[UUID, Transfer | None] = field(init=False)
    arrivals: Gatherer[Arrival, Transfer | None] = field(init=False)
    consultations: Consultations = field(init=False)
    turnstile: Turnstile = field(init=False)
    berths: Berths = field(init=False)

    def __post_init__(self) -> None:
        """Let those who want the same kind of thing have it together."""

        async def find_agreements(wanted: Sequence[str]) -> list[AgreementV1 | None]:
            async with self.database.reading() as connection:
                return await queries.find_agreements(connection, wanted)

        async def find_transfers(wanted: Sequence[UUID]) -> list[Transfer | None]:
            async with self.database.reading() as connection:
                found = await queries.find_transfers(connection, wanted)
            return [found.get(one) for one in wanted]

        object.__setattr__(self, "agreements", Gatherer(find_agreements))
        object.__setattr__(self, "transfers", Gatherer(find_transfers))
        object.__setattr__(self, "arrivals", recorder(self.database, enter))
        object.__setattr__(self, "consultations", Consultations(self.database))
        rate = Rate(self.settings.deposit_rate, self.settings.deposit_burst)
        object.__setattr__(self, "turnstile", Turnstile("ingest", rate))
        berths = Berths(self.database, self.staging, Sites(self.calls), self.settings.uploads)
        object.__setattr__(self, "berths", berths)
