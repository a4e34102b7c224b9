"""A source looked into and deleted with what was made of it, on both profiles."""

from collections.abc import AsyncIterator

import pytest

from synthmill.catalog.looking import LookedAt, inspect
from synthmill.catalog.removal import SourceInUse, remove_source
from synthmill.catalog.sources import SourceDocument, find_source, source_file
from synthmill.catalog.uploads import Upload, store_upload
from synthmill.jobs.documents import change_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill.ports.records import Collection, Place
from synthmill.recipes import compile_recipe
from synthmill.services import Services
from synthmill_schemas.job import JobState
from tests.support.uploads import recipe_data, worked

pytestmark = pytest.mark.integration


async def bytes_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def planned(services: Services, name: str, data: bytes) -> SourceDocument:
    """A source of which a job, called like it, made seeds."""
    tenant = services.settings.tenant
    source, _ = await store_upload(services, tenant, Upload(name, bytes_of(data)))
    await submit(services, JobOrder(tenant, name[0], compile_recipe(recipe_data()), [source_file(services, source)]))
    await worked(services)
    return source


async def kept(services: Services) -> tuple[int, int]:
    """Seeds and rejected rows."""
    places = [Place(services.settings.tenant, each) for each in (Collection.INPUTS, Collection.REJECTS)]
    await services.store.visible(*places)
    seeds, rejects = [await services.store.count(place) for place in places]
    return seeds, rejects


async def test_a_source_is_looked_into_without_its_file_and_goes_with_all_that_was_made_of_it(
    services: Services,
) -> None:
    tenant = services.settings.tenant
    source = await planned(services, "a.csv", b"sku,title\nA-1,lamp\nA-2\nA-3,desk\n")
    other = await planned(services, "b.csv", b"title\nchair\n")
    by_file = await inspect(services, source, 5)
    await services.objects.delete_prefix(source.object_key.removesuffix("data"))
    by_seeds = await inspect(services, source, 5)
    assert (by_file.by, by_seeds.by) == (LookedAt.FILE, LookedAt.SEEDS)
    assert (
        by_file.found.rows
        == by_seeds.found.rows
        == [
            {"sku": "A-1", "title": "lamp"},
            {"sku": "A-3", "title": "desk"},
        ]
    )
    assert await kept(services) == (3, 1)
    with pytest.raises(SourceInUse):
        await remove_source(services, source, derived=True)
    await change_job(services.store, tenant, "a", lambda _: {"state": JobState.CANCELLED})
    await remove_source(services, source, derived=True)
    assert await kept(services) == (1, 0)
    assert await find_source(services.store, tenant, source.source_id) is None
    assert (await inspect(services, other, 1)).found.rows == [{"title": "chair"}]
