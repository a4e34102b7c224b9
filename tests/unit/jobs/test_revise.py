"""A retry by another model or other prompts: checked before anything changes, noted, and carried by its requests."""

from typing import Any

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import UserError
from synthmill.jobs.advance import advance
from synthmill.jobs.at_once import submit_at_once
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.replay import ReplayOutcome, replay_rejects
from synthmill.jobs.revise import Change, recipe_of, rerouted
from synthmill.jobs.status import job_status
from synthmill.recipes import RecipeInvalid, recompile
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.recipe import Model
from synthmill_schemas.slot import RejectClass
from tests.support.jobs import TENANT, accepted, exhausted, recipe, store_slots
from tests.support.uploads import taken, worked

JOB = "job-1"
OTHER = Change(Model(route="openai/larger"), {"poem": "One line about {{ colour }}."})


async def job_now(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


async def published(services: EmbeddedServices) -> dict[int, GenerationRequest]:
    await worked(services)
    requests = [GenerationRequest.model_validate_json(body) for body in await taken(services)]
    return {slot.slot: request for request in requests for slot in request.slots}


async def failed(services: EmbeddedServices, **changes: Any) -> dict[int, GenerationRequest]:  # noqa: ANN401  of a recipe
    """A job with two records, one refusal and one answer of a wrong form; what was published for it."""
    await submit_at_once(services, JobOrder(TENANT, JOB, recipe(**changes)), by="api")
    before = await published(services)
    slots = [exhausted(JOB, 2, RejectClass.REFUSAL), exhausted(JOB, 3, RejectClass.SCHEMA)]
    await store_slots(services, accepted(JOB, 0), accepted(JOB, 1), *slots)
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.FAILED})
    return before


async def retried(services: EmbeddedServices, *classes: RejectClass, change: Change) -> ReplayOutcome:
    return (await replay_rejects(services, TENANT, JOB, classes, by="api", change=change)).outcome


async def test_the_chosen_slots_are_asked_for_by_the_other_model_and_prompt(services: EmbeddedServices) -> None:
    before = await failed(services)
    assert await retried(services, RejectClass.REFUSAL, change=OTHER) is ReplayOutcome.REPLAYED
    after = await published(services)
    assert list(after) == [2]
    request, first = after[2], before[2]
    assert request.model is not None
    assert (request.model.route, request.columns[0].prompt) == ("openai/larger", "One line about {{ colour }}.")  # type: ignore[union-attr]
    assert (request.record_schema, request.output, request.unique, request.slots) == (
        first.record_schema,
        first.output,
        first.unique,
        first.slots,
    )
    job = await job_now(services)
    (noted,) = job.revisions
    assert (noted.from_round, noted.by, noted.recipe_hash) == (request.round, "api", request.recipe_hash)
    assert request.recipe_hash == recompile(recipe_of(job)).recipe_hash != first.recipe_hash == job.recipe_hash
    assert recipe_of(job, 1) == job.recipe


async def test_it_holds_for_the_rounds_after_and_the_next_change_stands_on_it(services: EmbeddedServices) -> None:
    await failed(services)
    await retried(services, change=Change(prompts=OTHER.prompts))
    await published(services)
    round_ = (await job_now(services)).round
    await store_slots(services, accepted(JOB, 2, round=round_), exhausted(JOB, 3, RejectClass.REFUSAL, round_))
    await advance(services, TENANT, await job_status(services.store, TENANT, JOB))
    assert (await job_now(services)).state is JobState.FAILED
    await retried(services, change=Change(OTHER.model))
    request = (await published(services))[3]
    assert request.model is not None
    assert (request.model.route, request.columns[0].prompt) == ("openai/larger", OTHER.prompts["poem"])  # type: ignore[union-attr]
    assert len((await job_now(services)).revisions) == 2


async def test_all_faults_are_told_with_their_paths_and_nothing_changes(services: EmbeddedServices) -> None:
    await failed(services)
    before = await job_now(services)
    bad = Change(None, {"poem": "About {{ nothing }} and {{ colour.", "colour": "x", "essay": "y"})
    with pytest.raises(RecipeInvalid) as told:
        await retried(services, change=bad)
    assert sorted(fault.path for fault in told.value.faults) == ["prompts.colour", "prompts.essay", "prompts.poem"]
    assert await job_now(services) == before
    assert await published(services) == {}


async def test_what_no_model_writes_has_nothing_to_change(services: EmbeddedServices) -> None:
    columns = [{"name": "colour", "kind": "sampler", "sampler": {"type": "category", "values": ["red"]}}]
    await failed(services, columns=columns, unique=[])
    with pytest.raises(RecipeInvalid, match="no llm column"):
        await retried(services, change=OTHER)


async def test_a_retry_under_way_is_told_so_and_another_change_has_to_wait(services: EmbeddedServices) -> None:
    await failed(services)
    await retried(services, change=OTHER)
    assert await retried(services, change=OTHER) is ReplayOutcome.ALREADY
    with pytest.raises(UserError, match="wait until it rests"):
        await retried(services, change=Change(Model(route="openai/largest")))
    assert len((await job_now(services)).revisions) == 1


async def test_no_slot_that_is_meant_leaves_the_job_as_it_is(services: EmbeddedServices) -> None:
    await failed(services)
    assert await retried(services, RejectClass.LEAK, change=OTHER) is ReplayOutcome.NOTHING
    assert (await job_now(services)).revisions == []


async def test_a_route_from_the_command_line_keeps_the_rest_of_the_model(services: EmbeddedServices) -> None:
    await failed(services, model={"route": "mock/one", "parameters": {"temperature": 0.2}})
    job = await job_now(services)
    change = rerouted(job, "mock/two", None, {})
    assert change.model == job.recipe.model.model_copy(update={"route": "mock/two"})  # type: ignore[union-attr]
    assert rerouted(job, None, None, {}).nothing
