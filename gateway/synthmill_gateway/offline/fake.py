"""Made-up people, firms and places; the only file that names Faker."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random

from faker import Factory, Generator

_FIRST_DAY = date(2024, 1, 1)  # fixed, not "today": the same request has to give the same answer next year
_DAYS = 1_000
_BORN = date(1945, 1, 1)
_BORN_DAYS = 60 * 365


@cache
def _generator() -> Generator:
    # weighting by real name frequencies costs four times the draw and brings more repeats
    return Factory.create("en_US", use_weighting=False)


class Fake:
    """One request's fake data, drawn from its own stream.

    The generator behind it is shared: use one Fake to its end before the next, in one thread.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._faker = _generator()
        self._faker.random = rng

    def call(self, name: str, *arguments: str) -> str:
        """What Faker's method of this name gives, as text."""
        return str(getattr(self._faker, name)(*arguments))

    def person(self) -> str:
        """First and last name; without weighting Faker's own `name` would title every third one."""
        return f"{self.call('first_name')} {self.call('last_name')}"

    def code(self, shape: str) -> str:
        """`shape` with digits for # and letters for ?."""
        return self.call("bothify", shape).upper()

    def day(self) -> date:
        """A day of the last years before 2027."""
        return _FIRST_DAY + timedelta(days=self._rng.randrange(_DAYS))

    def birthday(self) -> date:
        """A day on which an adult may have been born."""
        return _BORN + timedelta(days=self._rng.randrange(_BORN_DAYS))

    def moment(self) -> datetime:
        """A second of such a day, in UTC."""
        day = self.day()
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return midnight + timedelta(seconds=self._rng.randrange(86_400))

    def uuid(self) -> str:
        """A version 4 UUID."""
        return self.call("uuid4")
