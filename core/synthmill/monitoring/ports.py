"""What to ask the three ports so that they show whether they answer."""

from collections.abc import Mapping

from synthmill.monitoring.readiness import Question
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place
from synthmill.services import Services

_NOBODY = "_readiness"  # no tenant: their names begin with a letter


def port_questions(services: Services) -> Mapping[str, Question]:
    """A question each to record store, broker and object store."""

    async def objects() -> None:
        async for _ in services.objects.list(f"tmp/{_NOBODY}/"):
            return

    return {
        "store": lambda: services.store.get(Place(_NOBODY, Collection.KEYS), "readiness"),
        "broker": lambda: services.broker.depth(Queue.JOBS),
        "objects": objects,
    }
