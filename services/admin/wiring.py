"""The composition root of admin."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.admin.adapters.names import Names
from services.admin.adapters.posting import Poster
from services.admin.api import deliveries, routes, webhooks
from services.admin.api.door import TokenDoor
from services.admin.api.webhooks import Doorstep
from services.admin.bootstrap import first_client
from services.admin.chores import forget_deliveries, forget_former_secrets, forget_removed, give_up, seal_again
from services.admin.handlers.announcing import DELIVER, RETRY, announce
from services.admin.measures import MEASURES
from services.admin.profile_trial import Trials
from services.admin.settings import AdminSettings
from services.admin.signing import Signer
from services.admin.webhook_secrets import WebhookSeal
from services.admin.worker import Courier
from shared.dependencies import Dependency
from shared.limits import Rate
from shared.messages.ingest import DecisionRemindedV1, SipRejectedV1, TransferAcknowledgedV1, TransferCompletedV1
from shared.messages.storage import RestoreTestedV1
from shared.messaging.consumer import Consumer
from shared.messaging.housekeeping import Chore
from shared.messaging.transport import Transport
from shared.messaging.workers import WorkLoop
from shared.rates import Turnstile
from shared.room import Foundation, Room, assemble, lay
from shared.settings import RoomSettings

FAILING_SHARE = 4
"""Endpoints that fail, or are slow, have one hand for so many of the others'."""


def build(settings: RoomSettings, own: AdminSettings, transport: Transport | None = None) -> Room:
    """Return admin, ready to be opened."""
    foundation = lay("admin", settings, transport)
    secret = settings.internal_secret.get_secret_value()
    signer = Signer(foundation.database, secret, also=settings.former_and_next_secrets)
    seal = WebhookSeal(secret, settings.former_and_next_secrets)
    # A name server may be slow on purpose: whoever makes endpoints, and those that fail, hold up nobody else.
    asked, names = Names(), {kind: Names() for kind in (DELIVER, RETRY)}
    foundation.gauges.add(*MEASURES)
    trials = Trials(own.profile_compile_seconds, own.profile_upload_bytes)
    router = routes(foundation.database, signer, settings.base_url, _door(own), trials)
    doorstep = Doorstep(asked.addresses, own.webhook_networks, own.webhook_http)
    router.include_router(webhooks.routes(foundation.database, seal, doorstep))
    router.include_router(deliveries.routes(foundation.database, settings.base_url))
    told = partial(announce, settings.base_url)
    room = assemble(
        foundation,
        router,
        consumers=(
            Consumer(
                "admin.announce",
                foundation.database,
                {
                    TransferAcknowledgedV1: told,
                    TransferCompletedV1: told,
                    SipRejectedV1: told,
                    DecisionRemindedV1: told,
                    RestoreTestedV1: told,
                },
            ),
        ),
        loops=_deliveries(foundation, own, seal, names),
        dependencies=_first_client(foundation, own),
        close=(asked.close, *(each.close for each in names.values())),
    )
    kept = timedelta(days=own.webhook_log_days)
    chores = (
        Chore("webhook deliveries", partial(forget_deliveries, kept)),
        Chore("removed webhooks", forget_removed),
        Chore("webhook deliveries that waited for too long", give_up),
        Chore("former webhook secrets", forget_former_secrets),
        Chore("webhook secrets", partial(seal_again, seal)),
    )
    return replace(room, chores=chores)


def _deliveries(
    foundation: Foundation, own: AdminSettings, seal: WebhookSeal, names: Mapping[str, Names]
) -> Sequence[WorkLoop]:
    hands = {DELIVER: own.webhook_slots, RETRY: max(1, own.webhook_slots // FAILING_SHARE)}
    patience, lasts = timedelta(days=own.webhook_patience_days), foundation.settings.lease_seconds
    loops = []
    for kind, slots in hands.items():
        poster = Poster(names[kind].addresses, own.webhook_networks, own.webhook_ca)
        courier = Courier(foundation.database, seal, poster, patience)
        loops.append(WorkLoop(foundation.database, {kind: courier.deliver}, slots=slots, lease_seconds=lasts))
    return loops


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
