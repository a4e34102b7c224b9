"""How often a run counts its job's facts: soon after each change, ever more rarely while nothing happens."""

from synthmill.jobs.status import Status

FIRST_SECONDS = 2.0
LAST_SECONDS = 10.0
_BACK_OFF = 1.6


class FlowPace:
    """2 s after a change, growing to 10 s; nearer looks would cost the record store more than a request a second."""

    def __init__(self) -> None:
        self._delay = FIRST_SECONDS
        self._seen: tuple[int, ...] = ()

    def seconds(self, status: Status) -> float:
        """After this look."""
        changed, self._seen = status.facts != self._seen, status.facts
        self._delay = FIRST_SECONDS if changed else min(self._delay * _BACK_OFF, LAST_SECONDS)
        return self._delay
