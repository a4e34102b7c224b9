"""Webhooks sent by a worker process to a real server: a kill loses none, and what went out twice has one id."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from synthmill.embedded import open_embedded
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.settings import Settings
from synthmill.webhooks.registry import register
from synthmill_schemas.job import JobState
from tests.support.jobs import TENANT, recipe
from tests.support.receiver import receiver
from tests.support.wait import until

pytestmark = pytest.mark.integration


@contextmanager
def worker(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker process that may send to this machine; nothing of it is left at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "SYNTHMILL_HOME": str(home),
        "SYNTHMILL_WEBHOOKS__ALLOW": '["127.0.0.0/8"]',
        "SYNTHMILL_WEBHOOKS__POLL_SECONDS": "0.2",
    }
    process = subprocess.Popen([sys.executable, "-m", "synthmill_worker"], stdin=subprocess.PIPE, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


async def test_a_worker_that_is_killed_leaves_its_messages_to_the_next(tmp_path: Path) -> None:
    home = tmp_path / "home"
    wanted = [JobState.PUBLISHED, JobState.PLANNED]
    with receiver(503) as there:
        async with open_embedded(Settings(home=home)) as services:
            made = await register(services.store, TENANT, there.url, states=wanted)
            await submit(services, JobOrder(TENANT, "job-1", recipe()))
        with worker(home) as first:
            until(lambda: there.taken("job.published"), "the first try")
            first.kill()
            first.wait()
        there.answers = [(204, {})]
        tries = len(there.received)
        with worker(home):
            until(lambda: {each.says["type"] for each in there.received[tries:]} >= TYPES, "all messages", seconds=90)
        published = there.taken("job.published")
        assert len({each.id for each in published}) == 1
        assert len(published) > 1, "the refused try was made again"
        assert all(each.signed_with(made.secrets[0].text) for each in there.received)


TYPES = {"job.published", "job.planned"}
