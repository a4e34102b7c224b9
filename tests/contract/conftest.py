"""Every contract test runs once per adapter; a test gets places of its own, so that adapters may share a server."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import pytest

from synthmill.ports.broker import Broker
from synthmill.ports.objects import ObjectStore
from synthmill.ports.records import RecordStore
from tests.support.on_stack import ON_STACK
from tests.support.ports import BROKERS, OBJECT_STORES, ON_SERVERS, RECORD_STORES, At
from tests.support.stack import remove_indices


def adapters(names: Iterable[str]) -> list[object]:
    """The adapters of a port as parameters; those of real servers run on demand."""
    return [pytest.param(name, marks=ON_STACK if name in ON_SERVERS else ()) for name in names]


@pytest.fixture(scope="session")
def indices_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the run's indexes lie, beside every test's own folder."""
    location = str(tmp_path_factory.getbasetemp())
    yield location
    asyncio.run(remove_indices(location))


def _there(at: At) -> Iterator[At]:
    yield at
    asyncio.run(at.remove())


@pytest.fixture(params=adapters(OBJECT_STORES))
def objects_at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[At]:
    """Where the object store under test lies."""
    yield from _there(At(request.param, str(tmp_path)))


@pytest.fixture
async def objects(objects_at: At) -> AsyncIterator[ObjectStore]:
    """The object store under test."""
    async with objects_at.objects() as store:
        yield store


@pytest.fixture(params=adapters(BROKERS))
def broker_at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[At]:
    """Where the broker under test lies."""
    if request.param == "rabbitmq":
        request.getfixturevalue("indices_at")
    yield from _there(At(request.param, str(tmp_path)))


@pytest.fixture
async def broker(broker_at: At) -> AsyncIterator[Broker]:
    """The broker under test."""
    async with broker_at.broker() as broker:
        yield broker


@pytest.fixture(params=adapters(RECORD_STORES))
def store_at(request: pytest.FixtureRequest, tmp_path: Path) -> At:
    """Where the record store under test lies."""
    shared = request.param == "elasticsearch"
    return At(request.param, request.getfixturevalue("indices_at") if shared else str(tmp_path))


@pytest.fixture
async def store(store_at: At) -> AsyncIterator[RecordStore]:
    """The record store under test."""
    async with store_at.store() as store:
        yield store


@pytest.fixture
def tenant() -> str:
    """A tenant that nobody else has."""
    return f"t{uuid.uuid4().hex[:12]}"
