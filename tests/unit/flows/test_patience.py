"""A run waits out what is away, and gives up what nobody can mend by waiting."""

from dataclasses import dataclass, field

import pytest

from synthmill.errors import StoreUnavailable, UserError
from synthmill_flows.patience import outlasting


@dataclass
class World:
    """A store that is away between two moments of a clock which only the pauses move."""

    away_until: float
    now: float = 0.0
    pauses: list[float] = field(default_factory=list)
    lasts: float = 0.0

    async def step(self) -> str:
        self.now += self.lasts
        if self.now < self.away_until:
            raise StoreUnavailable("away")
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def outlast(self, seconds: float) -> str:
        return await outlasting(self.step, seconds, lambda: self.now, self.sleep)


async def test_an_outage_of_a_quarter_of_an_hour_ends_no_run() -> None:
    world = World(away_until=900)
    assert await world.outlast(1800) == "done"
    assert world.pauses[:6] == [2, 4, 8, 16, 30, 30]


async def test_a_store_that_does_not_come_back_in_time_fails_the_run() -> None:
    world = World(away_until=10_000)
    with pytest.raises(StoreUnavailable):
        await world.outlast(1800)
    assert 1800 < world.now < 1900


async def test_each_outage_has_its_time() -> None:
    world = World(away_until=5_000, lasts=400)  # each try goes well for a while
    assert await world.outlast(60) == "done"


async def test_what_cannot_succeed_later_is_not_tried_again() -> None:
    world = World(away_until=0)

    async def refused() -> str:
        raise UserError("no such recipe")

    with pytest.raises(UserError):
        await outlasting(refused, 1800, lambda: world.now, world.sleep)
    assert world.pauses == []
