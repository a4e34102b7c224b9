"""A quote and a replay on either profile: what is reckoned from which facts, and which slots are tried again."""

import pytest

from synthmill.errors import UserError
from synthmill.jobs.documents import get_job
from synthmill.jobs.quote import make_quote, proportion, quote_order
from synthmill.jobs.replay import ReplayOutcome, replay_rejects
from synthmill.jobs.submit import stage
from synthmill.ports.records import Collection, Place
from synthmill.recipes import compile_recipe
from synthmill.services import Services
from synthmill_schemas.job import JobPurpose, JobState
from synthmill_schemas.slot import RejectClass
from tests.support.calls import call_write
from tests.support.jobs import exhausted, parked, recipe
from tests.support.made import made_job, poems, put_slots
from tests.support.uploads import recipe_data, upload


async def test_open_slots_of_a_class_are_tried_again_and_no_others(services: Services) -> None:
    tenant = services.settings.tenant
    await made_job(services, poems(1), state=JobState.FAILED, records=4)
    slots = [exhausted("job-1", 1, RejectClass.REFUSAL), exhausted("job-1", 2, RejectClass.SCHEMA), parked("job-1", 3)]
    await put_slots(services, *(slot.model_copy(update={"tenant": tenant}) for slot in slots))
    none = await replay_rejects(services, tenant, "job-1", [RejectClass.LEAK], by="flow")
    assert (none.outcome, none.slots, none.round) == (ReplayOutcome.NOTHING, 0, 1)
    done = await replay_rejects(services, tenant, "job-1", [RejectClass.REFUSAL, RejectClass.PROVIDER], by="flow")
    assert (done.outcome, done.slots) == (ReplayOutcome.REPLAYED, 2)  # the parked one is of class provider
    job = (await get_job(services.store, tenant, "job-1")).document
    assert (job.state, job.round, job.round_scope) == (JobState.PUBLISHED, done.round, "replayed")
    again = await replay_rejects(services, tenant, "job-1", by="flow")
    assert (again.outcome, again.round) == (ReplayOutcome.ALREADY, done.round)
    place = Place(tenant, Collection.SLOTS, "colours")
    await services.store.visible(place)
    rounds = {hit.document["slot"]: hit.document["round"] async for hit in services.store.scan(place)}
    assert rounds == {0: 1, 1: done.round - 1, 2: 1, 3: done.round - 1}


@pytest.mark.parametrize("state", [JobState.PLANNED, JobState.CANCELLED])
async def test_what_runs_or_was_stopped_is_not_replayed(services: Services, state: JobState) -> None:
    tenant = services.settings.tenant
    await made_job(services, poems(1), state=state, records=2)
    await put_slots(services, exhausted("job-1", 1).model_copy(update={"tenant": tenant}))
    with pytest.raises(UserError):
        await replay_rejects(services, tenant, "job-1", by="flow")


async def test_a_quote_is_reckoned_from_its_calls_and_stored(services: Services) -> None:
    tenant = services.settings.tenant
    whole = recipe(target={"records": 1_000})
    order = quote_order(tenant, "job-1", whole, [], 4, None)
    job = await stage(services, order)
    assert (job.purpose, job.dataset, job.recipe.target.records) == (JobPurpose.QUOTE, "colours-quote", 4)
    job = {"dataset": "colours-quote", "job_id": "job-1"}
    calls = [call_write(tenant, number, **job, cost_usd=cost) for number, cost in enumerate([0.01, 0.02, 0.03])]
    await services.store.bulk(calls)
    await services.store.visible(Place(tenant, Collection.CALLS))
    report = await make_quote(services, tenant, "job-1")
    assert (report.dataset, report.records, report.cost_usd, report.acceptance) == ("colours", 1_000, None, None)
    stored = await services.store.get(Place(tenant, Collection.REPORTS), "quote-job-1")
    assert stored is not None
    assert stored.document["kind"] == "quote"


def test_a_quote_tries_no_more_slots_than_there_are_and_claims_no_content() -> None:
    small = quote_order(
        "default", "job-1", compile_recipe(recipe_data(target={"records": 2})), [upload("a", b"")], 5, None
    )
    recipe = small.recipe.recipe
    assert (recipe.target.records, recipe.target.max_rounds, recipe.unique) == (2, 1, [])
    long = quote_order("default", "job-1", compile_recipe(recipe_data(name="n" * 63)), [], 5, None)
    assert (len(long.recipe.recipe.name), long.recipe.recipe.name.endswith("-quote")) == (63, True)


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"), [(5, 5, 0.566, 1.0), (0, 5, 0.0, 0.434), (50, 100, 0.404, 0.596)]
)
def test_a_share_of_few_tries_is_told_with_what_it_may_be(hits: int, tries: int, low: float, high: float) -> None:
    found = proportion(hits, tries)
    assert found is not None
    assert found.expected == hits / tries
    assert found.low == pytest.approx(low, abs=1e-3)
    assert found.high == pytest.approx(high, abs=1e-3)
    assert proportion(0, 0) is None
