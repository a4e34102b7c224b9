"""Readiness tells what is missing, soon, and without asking more than needed."""

import asyncio

import pytest

from synthmill.errors import StoreUnavailable
from synthmill.monitoring import readiness
from synthmill.monitoring.readiness import NotReady, Readiness


class Part:
    """Counts how often it is asked, and answers when it is let."""

    def __init__(self, error: Exception | None = None, *, stuck: bool = False) -> None:
        self.asked = 0
        self.let = asyncio.Event()
        self._error = error
        if not stuck:
            self.let.set()

    async def __call__(self) -> None:
        self.asked += 1
        await self.let.wait()
        if self._error is not None:
            raise self._error


async def test_each_part_has_its_word() -> None:
    parts = {
        "store": Part(),
        "broker": Part(StoreUnavailable("the address and more that is nobody's business")),
        "queues": Part(NotReady("jobs is not consumed")),
    }
    words = await Readiness(parts).words()
    assert words == {"store": "ok", "broker": "unavailable", "queues": "jobs is not consumed"}


async def test_probes_that_come_together_ask_once() -> None:
    part = Part(stuck=True)
    ready = Readiness({"store": part})
    probes = [asyncio.create_task(ready.words()) for _ in range(20)]
    while part.asked == 0:  # noqa: ASYNC110  the tasks have to begin
        await asyncio.sleep(0)
    part.let.set()
    assert await asyncio.gather(*probes) == [{"store": "ok"}] * 20
    assert (await ready.words(), part.asked) == ({"store": "ok"}, 1)


async def test_a_part_that_never_answers_is_slow_and_is_not_asked_again_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.01)
    part = Part(stuck=True)
    ready = Readiness({"store": part})
    assert [await ready.words() for _ in range(3)] == [{"store": "slow"}] * 3
    assert part.asked == 1
    part.let.set()
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 5)
    assert await ready.words() == {"store": "ok"}
    await ready.close()


async def test_a_part_that_ignores_being_cancelled_holds_no_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE_SECONDS", 0.01)
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    ready = Readiness({"store": stubborn})
    assert await ready.words() == {"store": "slow"}
    released.set()
    await ready.close()
