"""A run whose records the gate blocks: it fails with the reason, and readers see what they saw before."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State

from synthmill.catalog.locations import LocationKind
from synthmill.cli.judging import judging
from synthmill.embedded import EmbeddedServices, open_embedded
from synthmill.jobs.drive import drive
from synthmill.jobs.gate_reports import get_report
from synthmill.jobs.judging import GateBlocked, Judgement
from synthmill.jobs.order import JobOrder
from synthmill.jobs.release import ReleaseOutcome
from synthmill.jobs.status import Status
from synthmill.jobs.submit import stage
from synthmill.settings import Settings
from synthmill_flows.generate import generate_dataset
from synthmill_flows.parameters import GenerateParameters, RefreshParameters
from synthmill_flows.refresh import refresh_dataset
from synthmill_schemas.gate_report import Verdict
from tests.support.jobs import TENANT, accepted, recipe
from tests.support.mill import milling
from tests.support.player import Player, playing
from tests.support.uploads import recipe_data

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
    async with at_work(services, job_id, most):
        return await generate_dataset(GenerateParameters(job_id=job_id), return_state=True)


@asynccontextmanager
async def at_work(services: EmbeddedServices, job_id: str, most: int) -> AsyncIterator[None]:
    """The job is staged, and its services make the poems."""
    declared = {"expectations": [{"expect": "length", "column": "poem", "maximum": most, "name": "short poems"}]}
    await stage(services, JobOrder(TENANT, job_id, recipe(gate=declared)))
    slots = [
        accepted(job_id, n, data={"colour": "red", "poem": f"{job_id} {n}"}, content_hash=f"{n}{most:063x}")
        for n in range(4)
    ]
    async with playing(Player(services, lambda _: slots)):
        yield


async def driven(services: EmbeddedServices, out: Path, job_id: str, most: int) -> Judgement:
    """The same without a run, as the command line does it."""

    async def nobody_looks_on(_: Status) -> None:
        return

    async with at_work(services, job_id, most):
        return (await drive(services, TENANT, job_id, out, nobody_looks_on, judging(services, TENANT))).judged


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


async def test_a_job_that_the_command_line_ends_is_gated_and_released_by_the_same_rule(
    services: EmbeddedServices, tmp_path: Path
) -> None:
    released = await driven(services, tmp_path / "out", "job-1", most=20)
    assert (released.gate and released.gate.verdict, released.release and released.release.version) == ("passed", 1)
    late = await run(services, "job-1", most=20)  # a run that comes when all is done
    assert late.is_completed()
    with pytest.raises(GateBlocked, match=r"colours is not released: .*short poems \(4 records\)"):
        await driven(services, tmp_path / "out", "job-2", most=3)
    first = await get_report(services.store, TENANT, "job-2")
    with pytest.raises(GateBlocked):  # the same records are not put before it again
        await driven(services, tmp_path / "out", "job-2", most=3)
    assert (await get_report(services.store, TENANT, "job-2")).at == first.at
    assert (await services.store.latest(TENANT, "colours"), len(list((tmp_path / "out").iterdir()))) == (1, 4)
    again = await driven(services, tmp_path / "out", "job-1", most=20)
    assert again.release is not None
    assert again.release.outcome is ReleaseOutcome.ALREADY


async def test_a_refresh_after_a_blocked_one_pays_only_for_what_is_new_since(
    services: EmbeddedServices, tmp_path: Path
) -> None:
    rows = tmp_path / "rows"
    rows.mkdir()

    async def refreshed(most: int, *titles: str) -> State[None]:
        expected = {"expect": "length", "column": "title", "maximum": most, "name": "short titles"}
        wanted = recipe_data(key="sku", gate={"expectations": [expected]})
        (tmp_path / "recipe.json").write_text(json.dumps(wanted))
        lines = ["sku,title", *(f"P-{number},{title}" for number, title in enumerate(titles)), ""]
        (rows / "products.csv").write_text("\n".join(lines))
        order = RefreshParameters(recipe=str(tmp_path / "recipe.json"), place=LocationKind.FOLDER, location=str(rows))
        return await refresh_dataset(order, return_state=True)

    async with milling(services) as mill:
        assert ((await refreshed(3, "lamp", "chair")).name, mill.take()) == ("GateBlocked", 2)
        assert ((await refreshed(3, "lamp", "chair", "desk")).name, mill.take()) == ("GateBlocked", 1)
        assert ((await refreshed(3, "lamp", "bench", "desk")).name, mill.take()) == ("GateBlocked", 1)
        released = await refreshed(9, "lamp", "bench", "desk")
        assert (released.message, mill.take()) == ("products version 1: 3 records, 3 added, 0 ended", 0)
