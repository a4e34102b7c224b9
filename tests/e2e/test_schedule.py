"""A deployment with an interval schedule on the real stack: each version of the dataset pays only for the new rows."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import bucket
from tests.support.installation import Installation, installation
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.prefect_stack import POOL, PrefectStack, prefect_stack
from tests.support.provider import Provider, start_provider
from tests.support.stack_jobs import DATASET, recipe
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), *ON_STACK]

ROWS, ADDED, CHANGED, REMOVED = 60, 20, 5, 10
INTERVAL_SECONDS = 10
PATIENCE_SECONDS = 240.0

Rows = dict[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with Prefect, and the witness of what was paid."""

    prefect: PrefectStack
    mill: Installation
    provider: Provider

    def put(self, rows: Rows) -> None:
        """What the source says from now on."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["sku", "title"])
        writer.writerows(rows.items())
        bucket.put(self.mill.settings.minio, "drop/products.csv", text.getvalue().encode())

    def versions(self) -> list[dict[str, Any]]:
        """Those released so far, the first first."""
        answer = self.mill.client.http.get(f"/v1/datasets/{DATASET}/versions")
        return answer.json()["items"][::-1] if answer.is_success else []

    def until_version(self, number: int) -> None:
        """Waits for the schedule to make it."""
        until(lambda: len(self.versions()) >= number, f"version {number}", seconds=PATIENCE_SECONDS, every=0.5)

    def shown(self, version: int) -> Rows:
        """What a reader of the version gets."""
        found = self.mill.client.http.get(f"/v1/datasets/{DATASET}/records", params={"version": version, "limit": 1000})
        return {item["data"]["sku"]: item["data"]["title"] for item in found.json()["items"]}

    def schedule(self) -> None:
        """A deployment of the refresh that comes round every few seconds."""
        flow = self.prefect.patiently("POST", "/flows/", {"name": "refresh-dataset"})
        interval = {"interval": INTERVAL_SECONDS, "anchor_date": datetime.now(UTC).isoformat()}
        deployment = {
            "name": "scheduled",
            "flow_id": flow["id"],
            "work_pool_name": POOL,
            "entrypoint": "synthmill_flows.refresh.refresh_dataset",
            "pull_steps": [],
            "tags": ["synthmill"],
            "job_variables": {"working_dir": str(self.prefect.folder)},
            "parameters": {"order": {"recipe": DATASET, "place": "prefix", "location": "drop/"}},
            "concurrency_limit": 1,
            "concurrency_options": {"collision_strategy": "CANCEL_NEW"},
            "schedules": [{"active": True, "schedule": interval}],
        }
        self.prefect.patiently("POST", "/deployments/", deployment)

    def ended(self) -> list[dict[str, Any]]:
        """States of the runs that ran."""
        states = [run["state"] for run in self.prefect.runs()]
        return [state for state in states if state["type"] in ("COMPLETED", "FAILED", "CRASHED")]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Place]:
    with (
        prefect_stack(tmp_path) as prefect,
        start_provider(tmp_path) as provider,
        installation(
            tmp_path, provider.url, workers=1, consumers=1, gateway=False, indices=None, **prefect.variables
        ) as mill,
    ):
        prefect.start_worker(mill.environment)
        yield Place(prefect, mill, provider)


def test_three_versions_in_a_row_pay_only_for_new_and_changed_rows(at: Place) -> None:
    stored = at.mill.client.http.post("/v1/recipes", json=recipe(key="sku", seeds={"prune": True}))
    assert stored.status_code == 201, stored.text
    first = {f"P-{number}": f"product, number {number}" for number in range(ROWS)}
    added = {f"N-{number}": f"novelty, number {number}" for number in range(ADDED)}
    changed = {f"P-{number}": f"product, number {number}, improved" for number in range(CHANGED)}
    second = first | added | changed
    third = dict(list(second.items())[REMOVED:]) | {"L-1": "the last one"}

    at.put(first)
    at.schedule()
    at.until_version(1)
    assert len(answered(at.provider)) == ROWS
    at.put(second)
    at.until_version(2)
    assert len(answered(at.provider)) == ROWS + ADDED + CHANGED
    at.put(third)
    at.until_version(3)
    assert len(answered(at.provider)) == ROWS + ADDED + CHANGED + 1

    assert [at.shown(version) for version in (1, 2, 3)] == [first, second, third]
    numbers = [(each["version"], each["records"], each["added"], each["ended"]) for each in at.versions()]
    assert numbers == [
        (1, ROWS, ROWS, 0),
        (2, ROWS + ADDED, ADDED + CHANGED, CHANGED),
        (3, ROWS + ADDED - REMOVED + 1, 1, REMOVED),
    ]
    until(lambda: len(at.ended()) >= 4, "a run that finds nothing new", seconds=PATIENCE_SECONDS, every=0.5)
    assert {state["type"] for state in at.ended()} == {"COMPLETED"}
    assert len(at.versions()) == 3
