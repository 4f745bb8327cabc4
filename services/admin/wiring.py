"""The composition root of admin."""

from services.admin.api import routes
from services.admin.bootstrap import first_client
from services.admin.settings import AdminSettings
from services.admin.signing import Signer
from shared.messaging.transport import Transport
from shared.room import Room, assemble, lay
from shared.settings import RoomSettings


async def build(settings: RoomSettings, transport: Transport | None = None) -> Room:
    """Return admin, ready to run; at the first start with a home folder, the first client is made there."""
    own = AdminSettings()
    foundation = lay("admin", settings, transport)
    secret = settings.internal_secret.get_secret_value()
    signer = Signer(foundation.database, secret, also=settings.former_and_next_secrets)
    if own.home is not None:
        await first_client(foundation.database, own.home, settings.base_url, full=own.bootstrap_full)
    return assemble(foundation, routes(foundation.database, signer, settings.base_url))
