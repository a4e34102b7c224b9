"""One message is one bounded unit of work: what does not end in time is noted, and the next delivery goes on with it.

RabbitMQ takes a message back that nobody settles for half an hour, and a job may take longer than that to plan.
"""

import math
import time
from collections.abc import Callable

_LONGEST_SECONDS = 900.0
"""Half of RabbitMQ's half hour; a unit is not made longer than that by what it had to repeat."""

Clock = Callable[[], float]


class UnitOver(Exception):
    """The unit has lasted long enough. All that was done is noted; the rest is for the job's next delivery."""


class Unit:
    """A unit that began now and should last about so many seconds."""

    def __init__(self, seconds: float = math.inf, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._began = clock()
        self._ends = self._began + seconds

    @property
    def over(self) -> bool:
        """Whether it is time to note what is done and to hand on."""
        return self._clock() >= self._ends

    def caught_up(self) -> None:
        """From now on the work is new; until now it went over what earlier units had done.

        New work gets as long as that took, if that is more, so that a long job spends half of its time on it at most.
        """
        now = self._clock()
        repeated = now - self._began
        self._ends = now + max(self._seconds, min(repeated, _LONGEST_SECONDS - repeated))

    def end_if_over(self) -> None:
        """Raises `UnitOver` when its time is up; call it when all that was done is noted."""
        if self.over:
            raise UnitOver
