"""Prefect in front of the real stack: every door leads to the same job, one key is one job, and limits hold."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import NotFoundError

from synthmill.ports.records import Collection
from tests.support.client import PARTS
from tests.support.facts import paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.prefect_stack import PrefectStack, kill, prefect_database, prefect_stack
from tests.support.provider import Provider, start_provider
from tests.support.servers import own_server
from tests.support.stack_jobs import DATASET, recipe, rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), *ON_STACK]

FEW = 12
_SEEDS = itertools.count(100)
"""A recipe's own seed for each job: jobs of one tenant share a dataset, where the same again would be duplicates."""

LIMIT = 2
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with Prefect, and the witness of what was paid."""

    prefect: PrefectStack
    mill: Installation
    provider: Provider
    indices: Indices

    def until_released(self, job_id: str, tenant: str = "default", seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until a run has ended with the job's records in a version."""
        run = until(lambda: self.run_of(job_id, tenant), "a run", seconds=seconds)
        state = self.prefect.until_state(run, "COMPLETED", "FAILED", "CRASHED", seconds=seconds)
        assert state["type"] == "COMPLETED", state
        assert {slot["since"] for slot in self.indices.slots(job_id)} != {None}

    def run_of(self, job_id: str, tenant: str) -> str | None:
        """The run that the job names, once there is a job."""
        with suppress(NotFoundError):
            return self.indices.job(job_id, tenant).flow_run_id
        return None

    def order(self, records: int = FEW, key: str | None = None) -> str:
        """A job by our REST API; its id."""
        source = self.mill.client.upload("few.csv", rows(records))
        return self.mill.client.order(recipe(seed=next(_SEEDS)), source, key=key)

    def answered(self, job_id: str) -> list[str]:
        """The attempts of a job that the provider answered."""
        return [attempt for attempt in answered(self.provider) if attempt.startswith(job_id)]

    def runs_of(self, job_id: str) -> list[dict[str, Any]]:
        """The runs that stand for a job."""
        runs = self.prefect.runs()
        return [run for run in runs if job_id in (run["id"], run["parameters"].get("order", {}).get("job_id"))]


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    with (
        own_server("postgres") as postgres,
        prefect_stack(folder, database=prefect_database(postgres)) as prefect,
        start_provider(folder) as provider,
        installation(
            folder, provider.url, workers=1, consumers=1, gateway=False, indices=None, **prefect.variables
        ) as mill,
        Indices(mill.settings.elasticsearch) as indices,
    ):
        prefect.limit(LIMIT)
        prefect.start_worker(mill.environment)
        try:
            yield Place(prefect, mill, provider, indices)
        finally:
            for pid in prefect.flow_processes(mill.settings.home):
                kill(pid)


def test_whichever_door_a_job_comes_in_by_its_documents_are_the_same(at: Place, tmp_path: Path) -> None:
    doors = {"form": by_the_form(at), "rest": by_rest(at), "terminal": by_the_terminal(at, tmp_path)}
    for tenant, job_id in doors.items():
        at.until_released(job_id, tenant)
    form, rest, terminal = (documents(at, tenant, job_id) for tenant, job_id in doors.items())
    assert len(form["slots"]) == FEW
    assert rest == form
    assert terminal == form
    runs = {str(at.indices.job(job_id, tenant).flow_run_id) for tenant, job_id in doors.items()}
    assert len(runs) == len(doors)
    assert 1 <= most_at_once([span for run in runs for span in spans(at.prefect.states(run))]) <= LIMIT


def by_the_form(at: Place) -> str:
    """The values that Prefect's form sends, to the address that it sends them to."""
    with closing(at.mill.client_of("form")) as client:
        client.http.post("/v1/recipes", json=recipe()).raise_for_status()
        client.upload("few.csv", rows(FEW))
    form = {"recipe": DATASET, "inputs": ["few.csv"], "records": None, "allow_parked": False, "out": ""}
    return at.prefect.run({**form, "tenant": "form", "job_id": ""})


def by_rest(at: Place) -> str:
    with closing(at.mill.client_of("rest")) as client:
        client.http.post("/v1/recipes", json=recipe()).raise_for_status()
        source = client.upload("few.csv", rows(FEW))
        answer = client.http.post("/v1/jobs", json={"stored_recipe": {"name": DATASET}, "sources": [source]})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def by_the_terminal(at: Place, folder: Path) -> str:
    """`synthmill run`, which comes back when the job is gated and released."""
    (folder / "recipe.json").write_text(json.dumps(recipe()))
    (folder / "few.csv").write_bytes(rows(FEW))
    command = ["-m", "synthmill", "run", "recipe.json", "--input", "few.csv", "--out", "out", "--json"]
    environment = {**at.mill.environment, "SYNTHMILL_TENANT": "terminal"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {slot["since"] for slot in at.indices.slots(told["job_id"])} == {1}
    return str(told["job_id"])


_IDS_AND_TIMES = {
    *("created_at", "updated_at", "written_at", "released_at", "at", "seconds", "history"),
    *("flow_run_id", "traceparent", "record_set"),
    *("seed_id", "seed_set", "object_key", "call_id", "report_id", "page"),  # hashes with the tenant or the job in them
    *("labels", "keyless", "outputs"),  # who asked and how, and the files that only the terminal asks for
}


def documents(at: Place, tenant: str, job_id: str) -> dict[str, Any]:
    """All that is stored of a job and told about it, without ids, times and links."""
    (gate,) = [found for found in at.indices.documents(Collection.REPORTS, job_id) if found.get("kind") == "gate"]
    (version,) = [
        found for found in at.indices.documents(Collection.VERSIONS, job_id) if found.get("kind") == "version"
    ]
    job = at.indices.job(job_id, tenant).model_dump(mode="json")
    with closing(at.mill.client_of(tenant)) as client:
        told = client.get(f"/v1/jobs/{job_id}")
    status = {name: told[name] for name in (*PARTS, "state", "reason", "round", "requested", "records", "recipe_hash")}
    found = {"job": job, "slots": at.indices.slots(job_id), "gate": gate, "version": version, "status": status}
    text = json.dumps(found).replace(job_id, "JOB").replace(f'"{tenant}"', '"TENANT"')
    return dict(without(json.loads(text)))


def without(value: Any) -> Any:  # noqa: ANN401  JSON
    """The same without what differs from job to job."""
    if isinstance(value, dict):
        return {name: without(part) for name, part in value.items() if name not in _IDS_AND_TIMES}
    return [without(part) for part in value] if isinstance(value, list) else value


def test_one_key_is_one_job_and_one_run_at_every_door(at: Place) -> None:
    at.mill.client.http.post("/v1/recipes", json=recipe(seed=next(_SEEDS))).raise_for_status()
    at.mill.client.upload("few.csv", rows(FEW))
    order = {"recipe": DATASET, "inputs": ["few.csv"]}
    first = at.prefect.run(order, idempotency_key="monday")
    assert at.prefect.run(order, idempotency_key="monday") == first

    source, wanted = at.mill.client.upload("few.csv", rows(FEW)), recipe(seed=next(_SEEDS))
    job, again = (at.mill.client.order(wanted, source, key="tuesday") for _ in range(2))
    assert again == job
    crosswise = at.prefect.run({"job_id": job}, idempotency_key=job)  # Prefect's key of a job's run is the job's id
    for job_id, run in ((first, first), (job, crosswise)):
        at.until_released(job_id)
        assert at.indices.job(job_id).flow_run_id == run
        assert [found["id"] for found in at.runs_of(job_id)] == [run]
        assert (len(at.answered(job_id)), paid_twice(at.answered(job_id))) == (FEW, 0)


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_of_fifty_jobs_at_once_five_run_at_a_time_and_none_is_lost(at: Place) -> None:
    """Prints what Prefect costs a job."""
    jobs, limit = int(os.environ.get("SYNTHMILL_TEST_JOBS", "50")), 5
    began, spent = time.monotonic(), children_seconds(at)
    at.prefect.limit(limit)
    ids = [at.order() for _ in range(jobs)]
    for job_id in ids:
        at.until_released(job_id, seconds=60.0 * jobs)
    wall, cpu = time.monotonic() - began, children_seconds(at) - spent
    at.prefect.limit(LIMIT)
    ran = [span for id_ in ids for span in spans(at.prefect.states(str(at.indices.job(id_).flow_run_id)))]
    assert most_at_once(ran) <= limit
    assert paid_twice(answered(at.provider)) == 0
    lasted = sum((end - begin).total_seconds() for begin, end in ran) / jobs
    print(f"{jobs} jobs in {wall:.0f} s, {most_at_once(ran)} runs at once at most")
    print(f"a run lasted {lasted:.1f} s and took {cpu / jobs:.1f} s of CPU, the gate included")


Span = tuple[datetime, datetime]


def spans(states: list[dict[str, Any]]) -> list[Span]:
    """When the run ran: once, or more often if it was taken for lost and went on."""
    assert states[-1]["type"] == "COMPLETED", states
    moments = [datetime.fromisoformat(state["timestamp"]) for state in states]
    return [(moments[at], moments[at + 1]) for at, state in enumerate(states) if state["type"] == "RUNNING"]


def most_at_once(ran: list[Span]) -> int:
    """How many of the spans share a moment, at most."""
    return max(sum(begin <= moment < end for begin, end in ran) for moment, _ in ran)


def children_seconds(at: Place) -> float:
    """CPU of the processes that the Prefect worker started and that have ended."""
    assert at.prefect.worker is not None
    fields = Path(f"/proc/{at.prefect.worker.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def test_what_is_ordered_while_prefect_is_down_is_made_then_and_released_when_it_is_back(at: Place) -> None:
    at.prefect.server.kill()
    job_id = at.order()
    at.mill.client.completed(job_id, FEW)
    assert at.indices.job(job_id).flow_run_id is None
    assert {slot["since"] for slot in at.indices.slots(job_id)} == {None}
    at.prefect.server.start()
    at.prefect.until_healthy()
    at.until_released(job_id)
    (gate,) = [found for found in at.indices.documents(Collection.REPORTS, job_id) if found.get("kind") == "gate"]
    assert (gate["verdict"], len(at.answered(job_id))) == ("passed", FEW)
