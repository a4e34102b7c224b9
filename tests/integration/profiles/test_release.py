"""Versions of a dataset: what each shows, that releases come one after the other, and that a crash changes nothing."""

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any, cast

import pytest

from synthmill.errors import UserError
from synthmill.jobs.documents import change_job
from synthmill.jobs.release import Release, ReleaseOutcome, release
from synthmill.jobs.release.abandoned import finish_abandoned
from synthmill.jobs.release.documents import DatasetMissing, find_dataset, swap_dataset
from synthmill.jobs.release.versions import datasets_in, shown_in, version_wanted, versions_in
from synthmill.ports.records import Collection, Place, RecordStore, Write
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.ids import seed_document_id
from synthmill_schemas.job import JobDocument, JobPurpose, JobState, Refresh, Source
from synthmill_schemas.seed import Lineage, SeedDocument
from synthmill_schemas.slot import SlotDocument
from tests.support.crashing import Crashing, Died
from tests.support.jobs import HASH, accepted
from tests.support.made import made_job, put_slots

DATASET = "colours"


async def made(services: Services, job_id: str, seeds: list[str | None], **changes: Any) -> None:  # noqa: ANN401  any field of a job
    """A completed job with one record of each of these seeds."""
    await made_job(services, job_id=job_id, records=max(1, len(seeds)))
    await put_slots(services, *(slot(services, job_id, number, seed) for number, seed in enumerate(seeds)))
    if changes:
        await change_job(services.store, services.settings.tenant, job_id, lambda _: changes)


def slot(services: Services, job_id: str, number: int, seed: str | None) -> SlotDocument:
    tenant = services.settings.tenant
    return accepted(job_id, number, tenant=tenant, seed_id=seed)


def seed(place: Place, ordinal: int, seed_id: str) -> Write:
    lineage = Lineage(source="f", sha256=HASH)
    document = SeedDocument(
        tenant=place.tenant, seed_set="set", ordinal=ordinal, seed_id=seed_id, data={}, lineage=lineage
    )
    return Write(place, seed_document_id("set", ordinal), document.model_dump(mode="json"))


async def released(services: Services, job_id: str) -> Release:
    return await release(services, services.settings.tenant, job_id)


async def shown(services: Services, version: int) -> list[str]:
    """The ids of the records that the version shows."""
    place = Place(services.settings.tenant, Collection.RECORDS, DATASET)
    await services.store.visible(place)
    return [stored.id async for stored in services.store.scan(place, shown_in(version))]


async def test_a_released_job_is_version_one_and_the_next_adds_to_it(services: Services) -> None:
    await made(services, "a", [None, None])
    assert await shown(services, 1) == []
    first = await released(services, "a")
    assert (first.outcome, first.version, first.records, first.added) == (ReleaseOutcome.RELEASED, 1, 2, 2)
    assert await services.store.latest(services.settings.tenant, DATASET) == 1
    await made(services, "b", [None])
    assert await shown(services, 1) == ["a-0", "a-1"]
    second = await released(services, "b")
    assert (second.version, second.records, second.added, second.ended) == (2, 3, 1, 0)
    assert (await shown(services, 1), await shown(services, 2)) == (["a-0", "a-1"], ["a-0", "a-1", "b-0"])
    assert await services.store.latest(services.settings.tenant, DATASET) == 2


async def test_a_record_of_the_same_seed_takes_the_place_of_the_old_one(services: Services) -> None:
    await made(services, "a", ["s1", "s1", "s2"])
    await released(services, "a")
    await made(services, "b", ["s1", "s3"])
    second = await released(services, "b")
    assert (second.records, second.added, second.ended) == (3, 2, 2)
    assert await shown(services, 1) == ["a-0", "a-1", "a-2"]
    assert await shown(services, 2) == ["a-2", "b-0", "b-1"]


async def test_only_a_refresh_that_prunes_ends_records_of_vanished_seeds(services: Services) -> None:
    await made(services, "a", ["s1", "s2", None])
    await released(services, "a")
    await made(services, "b", ["s3"])
    await made(services, "c", [])
    tenant, inputs = services.settings.tenant, Place(services.settings.tenant, Collection.INPUTS)
    await released(services, "b")
    assert await shown(services, 2) == ["a-0", "a-1", "a-2", "b-0"]
    await services.store.bulk([seed(inputs, ordinal, id_) for ordinal, id_ in enumerate(["s1", "s3"])])

    def prune(job: JobDocument) -> dict[str, Any]:
        recipe = job.recipe.model_copy(update={"seeds": job.recipe.seeds.model_copy(update={"prune": True})})
        source = Source(key="f", object_key="o", sha256=HASH, size=1, seed_set="set", seeds=2)
        return {"recipe": recipe, "refresh": Refresh(base=2, vanished=1), "sources": [source]}

    await change_job(services.store, tenant, "c", prune)
    third = await released(services, "c")
    assert (third.outcome, third.version, third.added, third.ended) == (ReleaseOutcome.RELEASED, 3, 0, 1)
    assert await shown(services, 3) == ["a-0", "a-2", "b-0"]
    assert (await released(services, "c")).outcome is ReleaseOutcome.ALREADY


async def test_releasing_again_changes_nothing_but_what_came_since(services: Services) -> None:
    await made(services, "a", [None])
    first = await released(services, "a")
    again = await released(services, "a")
    assert (again.outcome, dataclasses.replace(again, outcome=first.outcome)) == (ReleaseOutcome.ALREADY, first)
    await put_slots(services, slot(services, "a", 1, None))  # a parked slot that was replayed
    late = await released(services, "a")
    assert (late.version, late.added, late.ended) == (2, 1, 0)
    assert await shown(services, 1) == ["a-0"]


@pytest.mark.parametrize("state", [JobState.PLANNED, JobState.FAILED, JobState.CANCELLED])
async def test_what_has_not_completed_stays_unreleased(services: Services, state: JobState) -> None:
    await made(services, "a", [None], state=state)
    with pytest.raises(UserError, match="only what has completed"):
        await released(services, "a")
    assert await services.store.latest(services.settings.tenant, DATASET) is None


async def test_a_quote_is_never_released(services: Services) -> None:
    await made(services, "a", [None], purpose=JobPurpose.QUOTE)
    with pytest.raises(UserError, match="was a quote"):
        await released(services, "a")


async def test_releases_at_once_get_a_version_each(services: Services) -> None:
    names = ["a", "b", "c"]
    for name in names:
        await made(services, name, ["s1", f"s-{name}"])
    done = await asyncio.gather(*(released(services, name) for name in names))
    assert sorted(each.version or 0 for each in done) == [1, 2, 3]
    last = max(done, key=lambda each: each.version or 0)
    assert [each for each in await shown(services, 3) if each.endswith("-0")] == [f"{last.job_id}-0"]
    assert await services.store.latest(services.settings.tenant, DATASET) == 3
    numbers = [version.number async for version in versions_in(services.store, services.settings.tenant, DATASET)]
    assert numbers == [1, 2, 3]


async def test_a_release_that_dies_at_any_write_is_carried_to_the_same_end(services: Services) -> None:
    await made(services, "old", ["s0", "s1"])
    await released(services, "old")
    expected, version = ["old-0"], 1
    for at in range(20):
        name = f"job{at:02}"
        await made(services, name, ["s1"])
        crashed = await died(services, name, at)
        if crashed:
            assert await services.store.latest(services.settings.tenant, DATASET) in (version, version + 1)
            await time_is_over(services)
        await released(services, name)
        version += 1
        assert await shown(services, version) == sorted([*expected, f"{name}-0"])
        assert await services.store.latest(services.settings.tenant, DATASET) == version
        if not crashed:
            break
    else:
        pytest.fail("a release has fewer writes than that")
    assert at > 4


async def test_another_job_carries_on_what_was_abandoned_before_its_own(services: Services) -> None:
    await made(services, "a", ["s1"])
    await made(services, "b", ["s1"])
    assert await died(services, "a", 3)
    await time_is_over(services)
    second = await released(services, "b")
    assert second.version == 2
    assert (await shown(services, 1), await shown(services, 2)) == (["a-0"], ["b-0"])
    assert (await released(services, "a")).outcome is ReleaseOutcome.ALREADY


async def test_what_was_abandoned_is_found_and_ended(services: Services) -> None:
    await made(services, "a", [None])
    assert await died(services, "a", 3)
    assert await finish_abandoned(services) == 0  # its turn lasts still
    await time_is_over(services)
    assert await finish_abandoned(services, dry_run=True) >= 1
    assert await finish_abandoned(services) >= 1
    assert await shown(services, 1) == ["a-0"]
    assert (await released(services, "a")).outcome is ReleaseOutcome.ALREADY


async def test_a_version_is_named_or_the_latest(services: Services) -> None:
    tenant = services.settings.tenant
    with pytest.raises(DatasetMissing):
        await version_wanted(services.store, tenant, DATASET, None)
    await made(services, "a", [None])
    await released(services, "a")
    assert (await version_wanted(services.store, tenant, DATASET, None)).number == 1
    with pytest.raises(DatasetMissing, match="versions 1 to 1"):
        await version_wanted(services.store, tenant, DATASET, 2)
    assert [found.dataset async for found in datasets_in(services.store, tenant)] == [DATASET]


async def died(services: Services, job_id: str, at: int) -> bool:
    """Releases until the write number `at`; whether there was one."""
    crashing = dataclasses.replace(services, store=cast(RecordStore, Crashing(services.store, at)))
    try:
        await release(crashing, services.settings.tenant, job_id)
    except Died:
        return True
    return False


async def time_is_over(services: Services) -> None:
    """As if the lease of the release under way, if there is one, had run out."""
    found = await find_dataset(services.store, services.settings.tenant, DATASET)
    if found is not None and found.document.releasing is not None:
        past = found.document.releasing.model_copy(update={"expires_at": now() - timedelta(seconds=1)})
        await swap_dataset(services.store, found, latest=found.document.latest, releasing=past)
