"""A recurring run on the real servers with the built consumer: the provider's own log says what each version cost."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from synthmill.catalog.locations import LocationKind
from synthmill.jobs.release.versions import shown_in, versions_in
from synthmill.ports.records import Collection, Place
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill_flows.parameters import RefreshParameters
from synthmill_flows.refresh import refresh_dataset
from tests.support.installation import Installation, installation
from tests.support.killing import answered
from tests.support.on_stack import ON_STACK
from tests.support.provider import Provider, start_provider
from tests.support.stack_jobs import DATASET, recipe

pytestmark = [*ON_STACK, pytest.mark.usefixtures("prefect_server")]

ROWS, ADDED, CHANGED, REMOVED = 60, 20, 5, 10


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    with start_provider(tmp_path) as provider:
        yield provider


@pytest.fixture
def mill(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """One worker and one consumer; this process, where the flow runs, uses the same servers."""
    with installation(tmp_path, provider.url) as mill:
        for name, value in mill.environment.items():
            if name.startswith("SYNTHMILL_"):
                monkeypatch.setenv(name, value)
        yield mill


def table(rows: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["sku", "title"])
    writer.writerows(rows.items())
    return text.getvalue().encode()


async def put(services: Services, rows: dict[str, str]) -> None:
    async def chunks() -> Any:  # noqa: ANN401  an async iterator
        yield table(rows)

    await services.objects.put("drop/products.csv", chunks())


async def shown(services: Services, version: int) -> dict[str, str]:
    place = Place(services.settings.tenant, Collection.RECORDS, DATASET)
    found = services.store.scan(place, shown_in(version))
    return {hit.document["data"]["sku"]: hit.document["data"]["title"] async for hit in found}


async def test_three_versions_in_a_row_pay_only_for_new_and_changed_rows(
    mill: Installation, provider: Provider
) -> None:
    stored = mill.client.http.post("/v1/recipes", json=recipe(key="sku", seeds={"prune": True}))
    assert stored.status_code == 201, stored.text
    order = RefreshParameters(recipe=DATASET, place=LocationKind.PREFIX, location="drop/")
    paid = 0

    async def refreshed(expected: int) -> State[Any]:
        nonlocal paid
        state = await refresh_dataset(order, return_state=True)
        assert state.is_completed(), state.message
        before, paid = paid, len(answered(provider))
        assert paid - before == expected
        return state

    async with open_services(Settings()) as services:
        rows = {f"P-{number}": f"product, number {number}" for number in range(ROWS)}
        await put(services, rows)
        await refreshed(ROWS)
        assert await shown(services, 1) == rows
        first = dict(rows)
        rows |= {f"N-{number}": f"novelty, number {number}" for number in range(ADDED)}
        rows |= {f"P-{number}": f"product, number {number}, improved" for number in range(CHANGED)}
        await put(services, rows)
        await refreshed(ADDED + CHANGED)
        assert await shown(services, 2) == rows
        assert (await refreshed(0)).name == "NothingNew"
        rows = dict(list(rows.items())[REMOVED:]) | {"L-1": "the last one"}
        await put(services, rows)
        await refreshed(1)
        assert await shown(services, 3) == rows
        assert await shown(services, 1) == first
        versions = [each async for each in versions_in(services.store, services.settings.tenant, DATASET)]
    numbers = [(each.records, each.added, each.ended) for each in versions]
    assert numbers == [
        (ROWS, ROWS, 0),
        (ROWS + ADDED, ADDED + CHANGED, CHANGED),
        (ROWS + ADDED - REMOVED + 1, 1, REMOVED),
    ]
    listed = mill.client.http.get(f"/v1/datasets/{DATASET}/records", params={"filter": "sku=L-1"}).json()
    assert [item["data"]["title"] for item in listed["items"]] == ["the last one"]
