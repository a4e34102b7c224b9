"""For all tests: a property is not failed by other work on the machine; real servers are used on demand."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.native import tell_environment
from tests.support.on_stack import WANTED

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_left_out = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known, and the servers."""
    config.addinivalue_line("markers", "stack: needs the real servers of `make stack`, and SYNTHMILL_TEST_STACK=1")
    if WANTED:
        tell_environment()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs real servers when nobody asked for it."""
    left_out = [] if WANTED else [item for item in items if item.get_closest_marker("stack")]
    config.stash[_left_out] = len(left_out)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("stack")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says what was left out."""
    number = config.stash.get(_left_out, 0)
    if number:
        text = f"{number} tests over real servers are left out: run `make stack`, then set SYNTHMILL_TEST_STACK=1"
        terminalreporter.write_line(text, yellow=True)


@pytest.fixture(scope="module")
def indices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Indexes on the real server for the tests of one file; making them takes most of a short test."""
    from tests.support import stack  # with the clients of all servers, which most tests do without

    location = tmp_path_factory.mktemp("indices")
    yield location
    asyncio.run(stack.remove_indices(str(location)))
