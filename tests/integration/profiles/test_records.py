"""Searches, samples and streams of records: the same questions have the same answers on both profiles."""

import json

import pytest

from synthmill.errors import UserError
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.stream import FileStream, file_stream, version_stream
from synthmill.jobs.release import release
from synthmill.records.fields import FieldUnknown
from synthmill.records.search import Drawn, Found, Search, of_job, of_version, search
from synthmill.records.story import find_slot, story
from synthmill.services import Services
from synthmill_schemas.file_export import ExportFormat, Part
from synthmill_schemas.job import JobDocument
from tests.support.jobs import accepted
from tests.support.made import made_job, poems, put_slots

JOB = "job-1"
COUNT = 700


@pytest.fixture
async def job(services: Services) -> JobDocument:
    """A job of many records."""
    return await made_job(services, poems(COUNT), job_id=JOB)


def slots(found: Found) -> list[int]:
    return [hit.document["slot"] for hit in found.page.hits]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Search(filters=["colour=red", "@slot<=6"]), [1, 3, 5]),
        (Search(text="poem 42"), [42]),
        (Search(filters=["@model=mock", "@slot>=697"], sort="-@slot"), [699, 698, 697]),
        (Search(filters=["@row>=1"]), []),
        (Search(filters=["@slot=3", "@slot=9", "colour=red"]), [3, 9]),
    ],
)
async def test_records_are_found_by_fields_words_and_origin(
    services: Services, job: JobDocument, wanted: Search, expected: list[int]
) -> None:
    assert slots(await search(services.store, of_job(job), wanted)) == expected


async def test_counts_and_samples_keep_to_what_was_asked(services: Services, job: JobDocument) -> None:
    records = of_job(job)
    found = await search(services.store, records, Search("poem", ["@slot>=100"], facets=["colour", "@route"], limit=0))
    assert found.page.total == COUNT - 100
    assert found.facets == {"colour": {"blue": 300, "red": 300}, "@route": {"mock/one": 600}}
    drawn = [slots(await search(services.store, records, Search(sample=Drawn(25, seed)))) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) == 25
    with pytest.raises(FieldUnknown, match="they have colour, poem;"):
        await search(services.store, records, Search(sort="shape"))
    with pytest.raises(UserError, match="no pages"):
        await search(services.store, records, Search(sort="colour", sample=Drawn(3)))


async def test_one_record_tells_its_story(services: Services, job: JobDocument) -> None:
    slot = await find_slot(services.store, job, f"{JOB}-3")
    assert slot is not None
    told = await story(services.store, job, slot)
    assert (told.slot["slot"], told.seed, told.calls, told.rejects) == (3, None, [], [])
    assert (told.spent.prompt_tokens, told.spent.cost_usd) == (1, None)


async def ids(stream: FileStream) -> list[str]:
    data = b"".join([chunk async for chunk in stream.chunks()])
    return [json.loads(line)["_record_id"] for line in data.splitlines()]


async def test_streams_go_on_behind_any_record(services: Services, job: JobDocument) -> None:
    tenant, form = services.settings.tenant, Form(ExportFormat.JSONL)
    await made_job(services, job_id="job-2", records=60)
    await put_slots(
        services,
        *(
            accepted("job-2", slot, tenant=tenant, seed_id=f"s-{slot // 2}", content_hash=f"{COUNT + slot:064x}")
            for slot in range(60)
        ),
    )
    for name in (JOB, "job-2"):
        await release(services, tenant, name)
    store = services.store
    whole = await ids(file_stream(store, job, form))
    assert whole == [f"{JOB}-{slot}" for slot in range(COUNT)]
    assert await ids(file_stream(store, job, form, after=whole[500])) == whole[501:]
    shown = await ids(version_stream(store, job, 2, form))
    assert shown == sorted([*whole, *(f"job-2-{slot}" for slot in range(60))])
    assert await ids(version_stream(store, job, 2, form, after=shown[600])) == shown[601:]
    assert (await search(store, await of_version(store, tenant, job.dataset, 1), Search(limit=0))).page.total == COUNT
    parts = [
        set(await ids(version_stream(store, job, 2, Form(form.format, part=part, test_share=0.3)))) for part in Part
    ]
    assert parts[0].isdisjoint(parts[1])
    assert set.union(*parts) == set(shown)
    assert all((f"job-2-{slot}" in parts[0]) == (f"job-2-{slot + 1}" in parts[0]) for slot in range(0, 60, 2))
