"""The composition root of admin."""

from collections.abc import Sequence

from services.admin.api import routes
from services.admin.api.door import TokenDoor
from services.admin.bootstrap import first_client
from services.admin.profile_trial import Trials
from services.admin.settings import AdminSettings
from services.admin.signing import Signer
from shared.dependencies import Dependency
from shared.limits import Rate
from shared.messaging.transport import Transport
from shared.rates import Turnstile
from shared.room import Foundation, Room, assemble, lay
from shared.settings import RoomSettings


def build(settings: RoomSettings, own: AdminSettings, transport: Transport | None = None) -> Room:
    """Return admin, ready to be opened."""
    foundation = lay("admin", settings, transport)
    secret = settings.internal_secret.get_secret_value()
    signer = Signer(foundation.database, secret, also=settings.former_and_next_secrets)
    trials = Trials(own.profile_compile_seconds, own.profile_upload_bytes)
    router = routes(foundation.database, signer, settings.base_url, _door(own), trials)
    return assemble(foundation, router, dependencies=_first_client(foundation, own))


def _first_client(foundation: Foundation, own: AdminSettings) -> Sequence[Dependency]:
    """At the first start with a home folder, the first client is made there before the room opens."""
    if own.home is None:
        return ()
    home = own.home

    async def make() -> None:
        await first_client(foundation.database, home, foundation.settings.base_url, full=own.bootstrap_full)

    async def made() -> None:
        """Nothing to ask: once made, it is there."""

    return (Dependency("first_client", made, open=make),)


def _door(own: AdminSettings) -> TokenDoor:
    """Return what slows down those who ask for tokens, as the operator has set it."""
    requests = Turnstile("admin", Rate(own.token_rate, own.token_burst))
    wrong_secrets = Turnstile("admin", Rate(own.wrong_secret_rate, own.wrong_secret_burst))
    return TokenDoor(requests, wrong_secrets)
