"""The port between rooms: RabbitMQ and the local transport both look like this."""

from collections.abc import Sequence
from typing import Protocol

from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import Outcome


class Transport(Protocol):
    """Carries messages from outboxes to consumers, at least once."""

    async def publish(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Hand messages over for good. `done` means durable with the other side; order is kept."""
        ...

    async def subscribe(self, consumer: Consumer) -> None:
        """Declare the consumer's queue and start feeding it. May be called before or after `start`."""
        ...

    async def start(self) -> None:
        """Connect, now or as soon as the other side answers."""
        ...

    async def stop(self) -> None:
        """Stop feeding consumers, let what is in hand finish, and disconnect."""
        ...

    async def probe(self) -> None:
        """Return when the transport works; raise otherwise."""
        ...
