"""What the worker counts."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from synthmill.monitoring.metrics import LONG_SECONDS, Counter, Gauge, Histogram
from synthmill.ports.broker import Broker, Consumption, Message, Queue, QueueDepth

MESSAGES = Counter(
    "synthmill_worker_messages_total",
    "Messages whose handling ended, by what became of them.",
    ["queue", "outcome"],
)
HANDLING = Histogram("synthmill_worker_handling_seconds", "How long handling a message took.", LONG_SECONDS, ["queue"])
IN_HAND = Gauge("synthmill_worker_messages_in_hand", "Messages being handled now.", ["queue"])
SEEDS = Counter("synthmill_worker_seeds_stored_total", "Seeds stored; a pass that is repeated counts again.")
INPUT_REJECTS = Counter("synthmill_worker_input_rejects_total", "Bad input rows left out, likewise.")
PUBLISHED = Counter("synthmill_worker_messages_published_total", "Messages that the broker confirmed.", ["queue"])
LEASES_LOST = Counter("synthmill_worker_leases_lost_total", "Planner leases lost while planning.")
RECONCILE_RUNS = Counter("synthmill_worker_reconcile_runs_total", "Passes of reconcile.", ["outcome"])
REPAIRS = Counter("synthmill_worker_repairs_total", "What reconcile mended.", ["kind"])
QUEUE_MESSAGES = Gauge(
    "synthmill_worker_queue_messages",
    "Messages in a queue, told by the worker that reconciles; `ready` includes those that wait to be tried again.",
    ["queue", "state"],
)


class MeasuredBroker:
    """A `Broker` that counts what it confirmed."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def declare(self) -> None:
        """See the port."""
        await self._broker.declare()

    async def publish(self, queue: Queue, messages: Sequence[Message]) -> None:
        """See the port."""
        await self._broker.publish(queue, messages)
        PUBLISHED.add(len(messages), queue=queue.value)

    def consume(self, queue: Queue, *, prefetch: int) -> AbstractAsyncContextManager[Consumption]:
        """See the port."""
        return self._broker.consume(queue, prefetch=prefetch)

    async def depth(self, queue: Queue) -> QueueDepth:
        """See the port."""
        return await self._broker.depth(queue)

    async def close(self) -> None:
        """See the port."""
        await self._broker.close()


async def tell_queues(broker: Broker) -> None:
    """Sets the depths of all queues, or none when the broker does not say."""
    QUEUE_MESSAGES.forget()
    depths = {queue: await broker.depth(queue) for queue in Queue}
    for queue, depth in depths.items():
        QUEUE_MESSAGES.set(depth.ready, queue=queue.value, state="ready")
        QUEUE_MESSAGES.set(depth.unsettled, queue=queue.value, state="unsettled")
