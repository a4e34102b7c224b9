"""What was found to be right is remembered for a few seconds, so that not every request asks the store."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 10_000


class Remembered(Generic[T]):
    """By a hash that nobody can guess; never what was wrong, so that guesses fill nothing."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._found: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, hashed: str) -> T | None:
        """What was put there at most so many seconds ago."""
        put_at, found = self._found.get(hashed, (float("-inf"), None))
        return found if self._clock() - put_at < self._seconds else None

    def put(self, hashed: str, found: T) -> None:
        """Remembers it from now on; the oldest makes room."""
        self.forget(hashed)
        self._found[hashed] = (self._clock(), found)
        while len(self._found) > _MOST:
            self._found.popitem(last=False)

    def forget(self, hashed: str) -> None:
        """The next time the store is asked."""
        self._found.pop(hashed, None)
