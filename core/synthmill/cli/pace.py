"""How fast records come, over the last seconds only, and how long the rest will take."""

from collections import deque

_WINDOW_SECONDS = 20.0
_SHORTEST_SECONDS = 1.0  # a speed over less is noise: records arrive in batches


class Pace:
    """Told of counts and the moments (of one clock, in seconds) at which they were seen."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, moment: float, accepted: int) -> None:
        """Remembers a count; one sight older than the window is kept, so that the window is always covered."""
        self._seen.append((moment, accepted))
        while len(self._seen) > 2 and self._seen[1][0] <= moment - _WINDOW_SECONDS:
            self._seen.popleft()

    def speed(self) -> float | None:
        """Records a second; None while nothing can be said."""
        if not self._seen:
            return None
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last - first >= _SHORTEST_SECONDS else None

    def seconds_for(self, records: int) -> float | None:
        """How long so many more records take at this speed; None while nobody knows."""
        speed = self.speed()
        return records / speed if speed else None
