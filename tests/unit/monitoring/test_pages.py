"""The pages beside a program, asked over HTTP."""

import logging
from collections.abc import Callable

import httpx
import pytest

from synthmill.errors import UserError
from synthmill.monitoring.metrics import Bounded, Counter, Gauge, Histogram
from synthmill.monitoring.readiness import NotReady
from synthmill.monitoring.server import monitored
from synthmill.serving.listening import Listening, bind
from synthmill.settings import MonitoringSettings

_MESSAGES = Counter("synthmill_pages_test_messages_total", "Messages.", ["outcome"])
_SECONDS = Histogram("synthmill_pages_test_seconds", "Seconds.", (0.1, 1))
_HELD = Gauge("synthmill_pages_test_held", "Held.")


@pytest.fixture
def address(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Where the log says that monitoring is."""
    caplog.set_level(logging.INFO)

    def read() -> str:
        return str(next(r.getMessage() for r in caplog.records if r.name == "synthmill.monitoring.server").split()[-1])

    return read


async def fine() -> None:
    """A part without fault."""


async def closed() -> None:
    """A part that is not ready."""
    raise NotReady("not consumed")


async def test_a_program_that_can_work_is_alive_and_ready_and_tells_its_metrics(address: Callable[[], str]) -> None:
    _MESSAGES.add(2, outcome="done")
    _SECONDS.observe(0.5)
    with _HELD.held():
        async with monitored(MonitoringSettings(port=0), {"store": fine}), httpx.AsyncClient() as client:
            url = address()
            alive = await client.get(f"{url}/healthz")
            ready = await client.get(f"{url}/readyz")
            told = await client.get(f"{url}/metrics")
            missing = await client.get(f"{url}/elsewhere")
            head = await client.head(f"{url}/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {"store": "ok"}})
    assert told.headers["content-type"].startswith("text/plain")
    lines = told.text.splitlines()
    assert 'synthmill_pages_test_messages_total{outcome="done"} 2.0' in lines
    assert 'synthmill_pages_test_seconds_bucket{le="1.0"} 1.0' in lines
    assert "synthmill_pages_test_held 1.0" in lines
    assert missing.status_code == 404
    assert (head.status_code, head.content) == (200, b"")


async def test_a_program_that_lacks_something_says_what_and_is_not_ready(address: Callable[[], str]) -> None:
    parts = {"store": fine, "queues": closed}
    async with monitored(MonitoringSettings(port=0), parts), httpx.AsyncClient() as client:
        ready = await client.get(f"{address()}/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"ready": False, "checks": {"store": "ok", "queues": "not consumed"}}


async def test_metrics_can_be_switched_off(address: Callable[[], str]) -> None:
    async with monitored(MonitoringSettings(port=0, metrics=False), {}), httpx.AsyncClient() as client:
        assert (await client.get(f"{address()}/metrics")).status_code == 404
        assert (await client.get(f"{address()}/healthz")).status_code == 200


async def test_a_port_that_is_taken_is_told_with_the_variable_that_moves_it() -> None:
    with bind(Listening("127.0.0.1", 0)) as taken:
        settings = MonitoringSettings(port=taken.getsockname()[1])
        with pytest.raises(UserError, match="SYNTHMILL_MONITORING__PORT"):
            async with monitored(settings, {}):
                pass


async def test_without_a_port_nothing_listens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with monitored(MonitoringSettings(), {}):
        assert caplog.records == []


def test_values_that_clients_choose_cannot_grow_the_metrics_for_ever() -> None:
    bounded = Bounded(2)
    assert [bounded(model) for model in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]
