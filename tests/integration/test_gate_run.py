"""A run whose records the gate blocks: it fails with the reason, and readers see what they saw before."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State

from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.gate_reports import get_report
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import stage
from synthmill.settings import Settings
from synthmill_flows.generate import generate_dataset
from synthmill_flows.parameters import GenerateParameters
from synthmill_schemas.gate_report import Verdict
from tests.support.jobs import TENANT, accepted, recipe
from tests.support.player import Player, playing

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture(autouse=True)
def _only_ours_may_warn() -> Iterator[None]:
    """What great_expectations and pandas say of themselves is not about us."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
async def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmbeddedServices]:
    monkeypatch.setenv("SYNTHMILL_HOME", str(tmp_path / "home"))
    async with open_embedded(Settings()) as opened:
        yield opened


async def run(services: EmbeddedServices, job_id: str, most: int) -> State[None]:
    """A run of a job of four poems that may have so many letters."""
    declared = {"expectations": [{"expect": "length", "column": "poem", "maximum": most, "name": "short poems"}]}
    await stage(services, JobOrder(TENANT, job_id, recipe(gate=declared)))
    slots = [
        accepted(job_id, n, data={"colour": "red", "poem": f"{job_id} {n}"}, content_hash=f"{n}{most:063x}")
        for n in range(4)
    ]
    async with playing(Player(services, lambda _: slots)):
        return await generate_dataset(GenerateParameters(job_id=job_id), return_state=True)


async def artifacts(state: State[None]) -> dict[str, object]:
    """What the run left, by key."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(str(state.state_details.flow_run_id))]))
    async with get_client() as client:
        return {str(found.key): found.data for found in await client.read_artifacts(artifact_filter=wanted)}


async def test_a_blocked_release_fails_the_run_and_latest_stays(services: EmbeddedServices) -> None:
    passed = await run(services, "job-1", most=20)
    assert passed.is_completed(), passed.message
    assert await services.store.latest(TENANT, "colours") == 1
    blocked = await run(services, "job-2", most=3)
    assert (blocked.is_failed(), blocked.name) == (True, "GateBlocked")
    assert "1 expectation failed: short poems (4 records)" in str(blocked.message)
    assert await services.store.latest(TENANT, "colours") == 1
    assert (await get_report(services.store, TENANT, "job-1")).verdict is Verdict.PASSED
    assert (await get_report(services.store, TENANT, "job-2")).verdict is Verdict.BLOCKED
    rows = json.loads(str((await artifacts(blocked))["gate-colours"]))
    assert (rows[0]["expectation"], rows[0]["outcome"], rows[0]["unexpected"]) == ("short poems", "failed", 4)
