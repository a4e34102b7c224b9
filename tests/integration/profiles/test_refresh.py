"""A refresh pays for new and changed seeds only, and its version shows what the sources say now."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from synthmill.catalog.locations import LocationKind, files_at
from synthmill.embedded import open_embedded
from synthmill.errors import InputUnusable, UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.refresh import choose_seeds, require_refreshable
from synthmill.jobs.release import Release, ReleaseOutcome, release
from synthmill.jobs.release.versions import shown_in
from synthmill.jobs.submit import submit
from synthmill.jobs.unit import Unit, UnitOver
from synthmill.ports.records import Collection, Place
from synthmill.recipes import compile_recipe
from synthmill.seeding.store import store_seeds
from synthmill.services import Services
from synthmill.settings import Settings
from synthmill_schemas.job import JobDocument, JobState
from tests.support.consumed import consumed
from tests.support.uploads import DATASET, recipe_data, stored, upload, worked


def csv(*rows: str) -> bytes:
    return "\n".join(["sku,title,stock", *rows, ""]).encode()


FIRST = ["a,lamp,1", "b,chair,2", "c,desk,3"]


class Mill:
    """Refreshes of one dataset, each a job of its own."""

    def __init__(self, services: Services, **recipe: Any) -> None:  # noqa: ANN401  any part of a recipe
        self.services = services
        self.recipe = compile_recipe(recipe_data(**recipe))
        self._runs = 0

    async def refresh(self, *rows: str, name: str = "products.csv") -> tuple[int, Release]:
        """How many slots were paid for, and the release."""
        return await self.refresh_files([upload(name, csv(*rows))])

    async def refresh_files(self, files: Sequence[InputFile]) -> tuple[int, Release]:
        self._runs += 1
        job_id = f"run-{self._runs}"
        tenant = self.services.settings.tenant
        await submit(self.services, JobOrder(tenant, job_id, self.recipe, files, refresh=True))
        await worked(self.services)
        paid = len(await consumed(self.services, lambda attributes: f"{attributes} by {job_id}"))
        return paid, await release(self.services, tenant, job_id)

    async def job(self, run: int) -> JobDocument:
        return (await get_job(self.services.store, self.services.settings.tenant, f"run-{run}")).document

    async def titles(self, version: int) -> list[str]:
        """What the version shows."""
        place = Place(self.services.settings.tenant, Collection.RECORDS, DATASET)
        await self.services.store.visible(place)
        found = self.services.store.scan(place, shown_in(version))
        return sorted([stored.document["data"]["title"] async for stored in found])


def unit_of_one_batch() -> Unit:
    """A unit that is over whenever it is asked, since no time passes by its clock."""
    return Unit(0, clock=lambda: 0.0)


async def compared_in(services: Services, mill: Mill, unit: Callable[[], Unit]) -> list[int]:
    """Begins the mill's second refresh and chooses its seeds: how many were compared when each unit was over."""
    tenant, job_id, noted = services.settings.tenant, "run-2", list[int]()
    rows = [f"{n},lamp {n}{' again' if n % 400 == 0 else ''},1" for n in range(5, 1_300)]
    await submit(services, JobOrder(tenant, job_id, mill.recipe, [upload("products.csv", csv(*rows))], refresh=True))
    await store_seeds(services, await mill.job(2), mill.recipe, Unit(), by="worker", on_stored=lambda *_: None)
    while True:
        try:
            await choose_seeds(services, await mill.job(2), unit())
        except UnitOver:
            refresh = (await mill.job(2)).refresh
            assert refresh is not None
            assert refresh.checkpoint is not None
            noted.append(refresh.checkpoint.compared)
        else:
            return noted


async def test_seeds_that_are_compared_in_many_units_are_chosen_as_at_once(tmp_path: Path) -> None:
    chosen, units = [], []
    for place, unit in {"whole": Unit, "batches": unit_of_one_batch}.items():
        async with open_embedded(Settings(home=tmp_path / place)) as services:
            mill = Mill(services, key="sku")
            await mill.refresh(*(f"{n},lamp {n},1" for n in range(1_100)))
            units.append(await compared_in(services, mill, unit))
            refresh = (await mill.job(2)).refresh
            assert refresh is not None
            seeds = await stored(services, Collection.INPUTS, seed_set=refresh.seed_set)
            chosen.append((refresh, seeds))
    assert units == [[], [500, 1_000, 1_295]]
    assert chosen[0] == chosen[1]
    assert (refresh.seeds, refresh.unchanged, refresh.vanished, len(seeds)) == (202, 1_093, 5, 202)


async def test_each_version_pays_only_for_rows_that_were_added_or_changed(services: Services) -> None:
    mill = Mill(services, key="sku")
    paid, first = await mill.refresh(*FIRST)
    assert (paid, first.version, first.records) == (3, 1, 3)
    paid, second = await mill.refresh(*FIRST, "d,stool,4")
    assert (paid, second.version, second.added, second.ended) == (1, 2, 1, 0)
    paid, third = await mill.refresh("a,lamp,9", "b,armchair,2", "d,stool,4", "e,shelf,5")
    assert (paid, third.version, third.added, third.ended) == (2, 3, 2, 1)
    assert await mill.titles(1) == ["chair", "desk", "lamp"]
    assert await mill.titles(2) == ["chair", "desk", "lamp", "stool"]
    assert await mill.titles(3) == ["armchair", "desk", "lamp", "shelf", "stool"]  # c vanished, and stays


async def test_nothing_new_is_a_completed_job_without_a_version(services: Services) -> None:
    mill = Mill(services, key="sku")
    await mill.refresh(*FIRST)
    paid, second = await mill.refresh(*FIRST)
    assert (paid, second.outcome, second.version) == (0, ReleaseOutcome.NOTHING_NEW, 1)
    job = await mill.job(2)
    assert (job.state, job.records, job.temporary_files) == (JobState.COMPLETED, None, "deleted")
    assert job.reason == "nothing new since version 1: 3 seeds are as they were"


async def test_a_recipe_that_prunes_ends_what_vanished_even_when_nothing_is_to_be_paid(services: Services) -> None:
    mill = Mill(services, key="sku", seeds={"prune": True})
    await mill.refresh(*FIRST)
    paid, second = await mill.refresh(*FIRST[:2])
    assert (paid, second.version, second.added, second.ended) == (0, 2, 0, 1)
    assert await mill.titles(2) == ["chair", "lamp"]
    assert await mill.titles(1) == ["chair", "desk", "lamp"]
    paid, third = await mill.refresh(*FIRST)
    assert (paid, third.version) == (1, 3)  # it came back


async def test_without_a_key_a_row_is_its_content_and_how_often_it_stands_there(services: Services) -> None:
    mill = Mill(services)
    await mill.refresh("a,lamp,1", "a,lamp,1")
    paid, second = await mill.refresh("a,lamp,1", "b,chair,2", "a,lamp,1", "a,lamp,1")
    assert (paid, second.records) == (2, 4)


async def test_every_new_seed_gets_as_many_records_as_the_recipe_says_and_no_draw_is_repeated(
    services: Services,
) -> None:
    drawn = {"name": "id", "kind": "sampler", "sampler": {"type": "uuid"}}
    mill = Mill(services, key="sku", seeds={"records_per_seed": 2}, columns=[drawn, *recipe_data()["columns"]])
    assert (await mill.refresh(*FIRST))[0] == 6
    paid, second = await mill.refresh(*FIRST[:2], "c,table,3")
    assert (paid, second.records, second.ended) == (2, 6, 2)
    place = Place(services.settings.tenant, Collection.RECORDS, DATASET)
    ids = [stored.document["data"]["id"] async for stored in services.store.scan(place)]
    assert (len(ids), len(set(ids))) == (8, 8)


async def test_a_folder_and_a_prefix_name_their_files_as_sources(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    (folder / "more").mkdir(parents=True)
    (folder / "a.csv").write_bytes(csv("a,lamp,1"))
    (folder / ".a.csv.part").write_bytes(b"half a f")
    (folder / "more" / "b.csv").write_bytes(csv("b,chair,2"))

    async def chunks() -> AsyncIterator[bytes]:
        yield csv("a,lamp,1")

    await services.objects.put("drop/a.csv", chunks())
    tenant = services.settings.tenant
    from_folder = await files_at(services, tenant, LocationKind.FOLDER, str(folder))
    from_prefix = await files_at(services, tenant, LocationKind.PREFIX, "drop/")
    assert ([f.name for f in from_folder], [f.name for f in from_prefix]) == (["a.csv", "more/b.csv"], ["a.csv"])
    mill = Mill(services, key="sku")
    assert (await mill.refresh_files(from_folder))[0] == 2
    paid, second = await mill.refresh_files(from_prefix)  # the same source by name: the same seed
    assert (paid, second.outcome) == (0, ReleaseOutcome.NOTHING_NEW)


@pytest.mark.parametrize(
    ("kind", "location"),
    [(LocationKind.FOLDER, "nowhere"), (LocationKind.PREFIX, "empty/"), (LocationKind.UPLOAD, "none.csv")],
)
async def test_a_place_without_files_is_refused(services: Services, kind: LocationKind, location: str) -> None:
    with pytest.raises(InputUnusable):
        await files_at(services, services.settings.tenant, kind, location)


async def test_our_own_temporary_files_are_no_place_to_read(services: Services) -> None:
    for prefix in ("tmp/", "tmp/sources/", "t", ""):
        with pytest.raises(InputUnusable, match="our own temporary files"):
            await files_at(services, services.settings.tenant, LocationKind.PREFIX, prefix)


def test_what_cannot_be_made_seed_by_seed_is_refused() -> None:
    with pytest.raises(UserError, match="leave target"):
        require_refreshable(compile_recipe(recipe_data(target={"records": 5})))
    no_input = recipe_data(columns=[{"name": "text", "kind": "llm", "prompt": "A poem."}], target={"records": 5})
    with pytest.raises(InputUnusable, match="reads no input"):
        require_refreshable(compile_recipe(no_input))
