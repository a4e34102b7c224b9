"""The queues as `schemas/queues.toml` declares them, with the arguments that RabbitMQ needs to keep its promises."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from synthmill.ports.broker import Queue

Arguments = dict[str, str | int]

DEAD_DELIVERY_LIMIT = 1_000_000
"""RabbitMQ 4 gives every queue a limit of 20 and drops what exceeds it; a dead letter has nowhere further to go."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One durable queue: its name and arguments."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Topology:
    """All queues of one installation. `prefix` stands before every name.

    Dead letters and retries go through the default exchange, whose routes nobody can delete.
    """

    prefix: str
    delivery_limit: int
    retry_delays: tuple[int, ...]  # seconds, rising

    @classmethod
    def declared(cls, prefix: str) -> "Topology":
        """The topology of queues.toml."""
        broker = _declared()["broker"]
        return cls(prefix, broker["delivery_limit"], tuple(broker["retry_delays_seconds"]))

    @property
    def census(self) -> str:
        """The exchange that asks all consumers what they hold."""
        return f"{self.prefix}synthmill.census"

    def name(self, queue: Queue) -> str:
        """The queue's name at the broker."""
        return f"{self.prefix}{queue}"

    def waiting(self, queue: Queue, delay_seconds: float) -> str:
        """Where a message waits to come back to `queue`: the shortest wait that is long enough, else the longest."""
        step = next((step for step in self.retry_delays if step >= delay_seconds), self.retry_delays[-1])
        return self._retry(queue, step)

    def all_waiting(self, queue: Queue) -> list[str]:
        """Every queue in which messages wait to come back to `queue`."""
        return [self._retry(queue, step) for step in self.retry_delays]

    def declarations(self) -> Iterator[Declaration]:
        """Every durable queue, dead ones before those that need them."""
        for queue in sorted(Queue, key=lambda queue: queue.has_dead):
            yield self._main(queue)
            for step in self.retry_delays:
                arguments: Arguments = {"x-message-ttl": step * 1_000, **_dead_lettered(self.name(queue))}
                yield Declaration(self._retry(queue, step), arguments)

    def _main(self, queue: Queue) -> Declaration:
        if not queue.has_dead:
            return Declaration(self.name(queue), {"x-queue-type": "quorum", "x-delivery-limit": DEAD_DELIVERY_LIMIT})
        arguments = {"x-delivery-limit": self.delivery_limit, **_dead_lettered(self.name(queue.dead))}
        return Declaration(self.name(queue), arguments)

    def _retry(self, queue: Queue, seconds: int) -> str:
        return f"{self.name(queue)}.retry.{seconds}"


def _dead_lettered(to: str) -> Arguments:
    """A quorum queue that moves what expires or exceeds its limit at least once: RabbitMQ needs all of these for it."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": to,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


@cache
def _declared() -> Mapping[str, Any]:
    return tomllib.loads(files("synthmill_schemas").joinpath("queues.toml").read_text())
