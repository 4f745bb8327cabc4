"""Delivery in process, straight from the outbox: durable because the outbox is."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from shared.messaging.consumer import Consumer
from shared.messaging.delivery import Delivery
from shared.messaging.outcome import DONE, Outcome, Verdict


class LocalTransport:
    """Hands each message to every consumer that hears it, and answers only when all are through.

    A message that failed for one consumer stays in the sender's outbox and comes again; the inbox of
    those that had it already keeps its effect single.
    """

    def __init__(self) -> None:
        self._consumers: dict[str, list[Consumer]] = defaultdict(list)

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to disconnect from: publishing has returned."""

    async def probe(self) -> None:
        """Work whenever the process does."""

    async def subscribe(self, consumer: Consumer) -> None:
        """Hear the consumer's topics from now on."""
        for topic in consumer.topics:
            self._consumers[topic].append(consumer)

    async def publish(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Deliver to every consumer; `again` as long as one of them is not through."""
        batches: dict[str, tuple[Consumer, list[int]]] = {}
        for index, delivery in enumerate(deliveries):
            for consumer in self._hearers(delivery):
                batches.setdefault(consumer.queue, (consumer, []))[1].append(index)

        outcomes = [DONE] * len(deliveries)
        results = await asyncio.gather(
            *(_deliver(consumer, [deliveries[i] for i in indexes]) for consumer, indexes in batches.values())
        )
        for (_, indexes), batch in zip(batches.values(), results, strict=True):
            for index, outcome in zip(indexes, batch, strict=True):
                if outcome.verdict is not Verdict.DONE:
                    outcomes[index] = outcome
        return outcomes

    def _hearers(self, delivery: Delivery) -> list[Consumer]:
        hearing = self._consumers[delivery.topic]
        return [one for one in hearing if delivery.consumer in (None, one.queue)]


async def _deliver(consumer: Consumer, deliveries: list[Delivery]) -> list[Outcome]:
    outcomes = await consumer.handle(deliveries)
    for index, (delivery, outcome) in enumerate(zip(deliveries, outcomes, strict=True)):
        if outcome.is_over(delivery.attempts):
            await consumer.bury(delivery, outcome.reason)
            outcomes[index] = DONE
    return outcomes
