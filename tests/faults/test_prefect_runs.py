"""A job as a flow run of a real Prefect server with a process worker, on the real stack: cancelled, retried, killed.

Each moment of a kill comes from a seed that is printed. Whatever dies, the job ends once, with the right state.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from synthmill.ports.records import Collection
from synthmill_schemas.job import JobState
from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.killing import answered, random_seeds
from tests.support.on_stack import ON_STACK
from tests.support.prefect_stack import PrefectStack, kill, prefect_stack
from tests.support.provider import Provider, start_provider
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), *ON_STACK]

RECORDS, BATCH, CONCURRENCY, LATENCY_MS = 240, 2, 4, 700
"""20 s of work: long enough to be stopped in the middle by whoever looks every few seconds."""


_SEEDS = itertools.count(1)
"""A recipe's own seed for each job: the jobs share a dataset, where the same again would be duplicates."""


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with Prefect, and the witness of what was paid."""

    prefect: PrefectStack
    mill: Installation
    provider: Provider
    indices: Indices

    def begin(self) -> str:
        """A run from its form: stored recipe and uploaded source by name; answers its id, which is the job's."""
        wanted = recipe(batch=BATCH, seed=next(_SEEDS))
        stored = self.mill.client.http.post("/v1/recipes", json=wanted)
        assert stored.is_success, stored.text
        self.mill.client.upload("products.csv", rows(RECORDS))
        return self.prefect.run({"recipe": "products", "inputs": ["products.csv"]})

    def answered(self, job_id: str) -> list[str]:
        """The attempts of a job that the provider answered."""
        return [attempt for attempt in answered(self.provider) if attempt.startswith(job_id)]

    def until_answered(self, job_id: str, count: int) -> None:
        """Waits for so many answers of the provider."""
        until(lambda: len(self.answered(job_id)) >= count, f"{count} answers", seconds=240)
        assert len(self.answered(job_id)) < RECORDS, "it came too late to matter"

    def assert_whole(self, job_id: str) -> None:
        """Every record once, none generated twice, and released as the dataset's next version."""
        until(lambda: self.indices.job(job_id).flow is None, "the job to be given back")
        job = self.indices.job(job_id)
        assert (job.state, job.flow_run_id) == (JobState.COMPLETED, job_id)
        assert_all_accepted(job, self.indices.slots(job_id), RECORDS)
        assert paid_twice(self.answered(job_id)) == 0
        (version,) = {slot["since"] for slot in self.indices.slots(job_id)}
        assert version is not None, "it was not released"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Services of the stack, Prefect with its worker, a slow provider; what a test kills it starts again."""
    folder = tmp_path_factory.mktemp("place")
    limits = {"SYNTHMILL_CONSUMER__CONCURRENCY": str(CONCURRENCY), "SYNTHMILL_CONSUMER__PREFETCH": "8"}
    with (
        prefect_stack(folder) as prefect,
        start_provider(folder, latency_ms=LATENCY_MS) as provider,
        installation(folder, provider.url, **limits, **prefect.variables) as mill,
        Indices(mill.settings.elasticsearch) as indices,
    ):
        prefect.start_worker(mill.environment)
        try:
            yield Place(prefect, mill, provider, indices)
        finally:
            for pid in prefect.flow_processes(mill.settings.home):
                kill(pid)


def test_a_run_is_cancelled_at_half_and_its_retry_makes_the_rest(at: Place) -> None:
    run = at.begin()
    at.until_answered(run, RECORDS // 2)
    at.prefect.set_state(run, "CANCELLING")
    at.prefect.until_state(run, "CANCELLED")
    until(lambda: at.indices.job(run).state is JobState.CANCELLED, "the job to be cancelled")
    done = until(lambda: funnel(at.prefect, run), "the numbers of the cancelled job")
    assert done["accepted"] + done["pending"] == done["requested"] == RECORDS
    assert done["accepted"] == len(at.indices.slots(run)) == len(at.answered(run)) < RECORDS
    at.prefect.set_state(run, "SCHEDULED", "AwaitingRetry")
    state = at.prefect.until_state(run, "COMPLETED", "FAILED", "CRASHED", seconds=300)
    assert (state["type"], state["message"]) == ("COMPLETED", f"{RECORDS} of {RECORDS} records accepted")
    assert at.indices.job(run).round == 2
    at.assert_whole(run)


def test_a_job_is_paused_and_resumed_from_either_side(at: Place) -> None:
    run = at.begin()
    at.until_answered(run, RECORDS // 4)
    assert at.mill.client.http.post(f"/v1/jobs/{run}/pause").status_code == 200
    assert at.prefect.until_state(run, "PAUSED")["name"] == "Suspended"
    at.prefect.resume(run)
    at.until_answered(run, RECORDS // 2)
    at.prefect.set_state(run, "PAUSED", "Suspended")
    until(lambda: at.indices.job(run).state is JobState.PAUSED, "the job to be paused")
    assert at.mill.client.http.post(f"/v1/jobs/{run}/resume").status_code == 202
    assert at.prefect.until_state(run, "COMPLETED", "FAILED", "CRASHED", seconds=300)["type"] == "COMPLETED"
    assert not {"FAILED", "CRASHED"} & {state["type"] for state in at.prefect.states(run)}
    assert at.indices.job(run).round == 3
    at.assert_whole(run)


def funnel(prefect: PrefectStack, run: str) -> dict[str, int]:
    """The counts that the run shows, once it shows them."""
    data = prefect.artifacts(run).get("funnel-products")
    return {row["what"]: row["count"] for row in json.loads(data)} if data else {}


Kill = Callable[[Place, str], None]
"""Kills while a run is under way; what others need is started again."""


def kill_the_flow(at: Place, run: str) -> None:
    (victim,) = at.prefect.flow_processes(at.mill.settings.home, run)
    kill(victim)


def kill_the_worker(at: Place, _: str) -> None:
    assert at.prefect.worker is not None
    at.prefect.worker.kill()
    at.prefect.start_worker(at.mill.environment)


def kill_the_server(at: Place, _: str) -> None:
    at.prefect.server.kill()
    at.prefect.server.start()
    at.prefect.until_healthy()


KILLS: list[Kill] = [kill_the_flow, kill_the_worker, kill_the_server]


def the_job_ends_once(at: Place, kill_it: Kill, seed: int) -> None:
    print(f"repeat with SYNTHMILL_TEST_SEED={seed}")
    run = at.begin()
    at.until_answered(run, random.Random(seed).randrange(1, RECORDS * 3 // 4))
    kill_it(at, run)
    state = at.prefect.until_state(run, "COMPLETED", "FAILED", "CANCELLED", seconds=300)
    assert state["type"] == "COMPLETED", state
    at.assert_whole(run)
    ends = [event for event in at.indices.documents(Collection.EVENTS, run) if event["name"] == "job.completed"]
    assert len(ends) == 1


@pytest.mark.parametrize("seed", random_seeds(2))
@pytest.mark.parametrize("kill_it", KILLS, ids=lambda kill_it: kill_it.__name__)
def test_the_job_ends_once_after(kill_it: Kill, seed: int, at: Place) -> None:
    the_job_ends_once(at, kill_it, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds(10))
@pytest.mark.parametrize("kill_it", KILLS, ids=lambda kill_it: kill_it.__name__)
def test_the_job_ends_once_after_each_of_many(kill_it: Kill, seed: int, at: Place) -> None:
    the_job_ends_once(at, kill_it, seed)
