"""Who waits for a message in this process, so that a publish is delivered without polling."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Wakeups:
    """Events by topic; whoever waits registers first and looks second, so that nothing is missed between."""

    def __init__(self) -> None:
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def listening(self, topic: str, event: asyncio.Event) -> Iterator[None]:
        """Sets `event` whenever the topic is woken, until the context ends."""
        self._events[topic].add(event)
        try:
            yield
        finally:
            self._events[topic].discard(event)

    def wake(self, topic: str) -> None:
        """Wakes everybody who listens to the topic."""
        for event in self._events[topic]:
            event.set()
