"""The declaration of the queues, the port and the embedded broker name the same things."""

import tomllib

import pytest

from synthmill.embedded.leases import DELIVERY_LIMIT
from synthmill.ports.broker import Queue
from synthmill.settings import Settings
from synthmill_schemas.export import CONTRACTS
from tests.support.repository import ROOT

DECLARED = tomllib.loads((ROOT / "schemas" / "queues.toml").read_text())


def test_the_port_has_the_declared_queues() -> None:
    assert set(DECLARED["queues"]) == {queue.value for queue in Queue}


@pytest.mark.parametrize("queue", Queue)
def test_dead_letters_go_where_it_is_declared(queue: Queue) -> None:
    declared = DECLARED["queues"][queue].get("dead_letters")
    assert declared == (queue.dead if queue.has_dead else None)


@pytest.mark.parametrize("queue", Queue)
def test_each_queue_carries_a_contract_in_its_version(queue: Queue) -> None:
    declared = DECLARED["queues"][queue]
    contract = CONTRACTS[declared["message"]]
    version = contract.json_schema()["properties"]["version"]
    assert version["const"] == declared["message_version"]


@pytest.mark.parametrize("queue", Queue)
def test_each_queue_has_producers_and_consumers(queue: Queue) -> None:
    assert DECLARED["queues"][queue]["producers"]
    assert DECLARED["queues"][queue]["consumers"]


def test_retry_delays_rise() -> None:
    delays = DECLARED["broker"]["retry_delays_seconds"]
    assert delays == sorted(set(delays))
    assert delays[0] > 0


def test_the_embedded_broker_has_the_declared_delivery_limit() -> None:
    assert DECLARED["broker"]["delivery_limit"] == DELIVERY_LIMIT


def test_prefetch_hints_are_the_settings_defaults() -> None:
    settings = Settings()
    hints = {name: DECLARED["queues"][name]["prefetch"] for name in ("jobs", "generation")}
    assert hints == {"jobs": settings.worker.prefetch, "generation": settings.consumer.prefetch}
