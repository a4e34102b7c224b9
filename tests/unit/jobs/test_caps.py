"""Caps of a job: where they come from, which price they go by, and what becomes of the job when they change."""

import pytest

from synthmill.embedded import EmbeddedServices
from synthmill.errors import UserError
from synthmill.jobs.account import accounts_of, change_account, open_account
from synthmill.jobs.caps import change_caps, pause_by_budget
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.order import JobOrder
from synthmill.jobs.prices import PriceUnknown, ordered_budget, price_of
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill_schemas.budget import Amount, Budget, PriceSource, SpendingDocument
from synthmill_schemas.job import JobDocument, JobState
from synthmill_schemas.recipe import Model
from tests.support.jobs import TENANT, recipe

JOB = "j1"
FREE = {"input_per_million": 0.0, "output_per_million": 0.0}


async def planned(services: EmbeddedServices, **caps: float) -> None:
    await submit(services, JobOrder(TENANT, JOB, recipe(), caps=Budget.model_validate(caps)))
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PLANNED})


async def spent(services: EmbeddedServices, tokens: int) -> None:
    await open_account(services.store, await job(services))

    def decide(found: SpendingDocument) -> SpendingDocument:
        return found.model_copy(update={"reported": Amount(tokens=tokens)})

    await change_account(services.store, TENANT, JOB, decide)


async def job(services: EmbeddedServices) -> JobDocument:
    return (await get_job(services.store, TENANT, JOB)).document


def test_an_order_goes_before_its_recipe() -> None:
    compiled = recipe(target={"records": 4, "max_tokens": 500, "max_usd": 1.0}, model={"route": "offline/fake-1"})
    budget = ordered_budget(compiled.recipe, Budget(max_tokens=900))
    assert budget is not None
    assert (budget.max_tokens, budget.max_usd, budget.price_source) == (900, 1.0, PriceSource.OFFLINE)
    assert ordered_budget(recipe().recipe, None) is None


def test_caps_and_prices_do_not_make_another_recipe() -> None:
    priced = recipe(target={"records": 4, "max_tokens": 500}, model={"route": "mock/one", "price": FREE})
    assert priced.recipe_hash == recipe().recipe_hash


def test_a_price_is_the_recipes_else_that_of_litellms_map() -> None:
    told = price_of(Model.model_validate({"route": "openai/gpt-4o-mini", "price": FREE}))
    assert told is not None
    assert told.source is PriceSource.RECIPE
    mapped = price_of(Model(route="openai/gpt-4o-mini"))
    assert mapped is not None
    assert mapped.source is PriceSource.LITELLM
    assert 0 < mapped.price.input_per_million < mapped.price.output_per_million < 10
    assert price_of(Model(route="openai/gpt-4o-mini", base_url="http://127.0.0.1:9/v1")) is None


async def test_dollars_cannot_be_capped_where_nobody_says_what_a_token_costs(services: EmbeddedServices) -> None:
    with pytest.raises(PriceUnknown, match=r"give model\.price in the recipe"):
        await planned(services, max_usd=1.0)
    assert await services.store.count(accounts_of(TENANT)) == 0


async def test_a_job_that_is_out_of_budget_goes_on_only_with_a_higher_cap(services: EmbeddedServices) -> None:
    await planned(services, max_tokens=1_000)
    await spent(services, 1_000)
    await pause_by_budget(services.store, await job(services), "none is left", by="bridge")
    paused = await job(services)
    assert (paused.state, paused.paused_by) == (JobState.PAUSED, "budget")
    with pytest.raises(UserError, match="its budget is used up"):
        await resume(services, paused, await job_status(services.store, TENANT, JOB))
    still = await change_caps(services, TENANT, JOB, {"max_tokens": 900}, by="cli")
    assert still.state is JobState.PAUSED
    again = await change_caps(services, TENANT, JOB, {"max_tokens": 1_500}, by="cli")
    assert (again.state, again.round, again.paused_by, again.reason) == (JobState.PUBLISHED, 2, None, None)


async def test_a_cap_below_what_is_spent_pauses_a_running_job(services: EmbeddedServices) -> None:
    await planned(services, max_tokens=1_000)
    await spent(services, 400)
    assert (await change_caps(services, TENANT, JOB, {"max_tokens": 500}, by="cli")).state is JobState.PLANNED
    assert (await change_caps(services, TENANT, JOB, {"max_tokens": 400}, by="cli")).state is JobState.PAUSED
    assert (await change_caps(services, TENANT, JOB, {"max_tokens": None}, by="cli")).state is JobState.PUBLISHED
    assert (await job(services)).budget is None


async def test_a_first_cap_of_a_running_job_replaces_requests_that_know_of_none(services: EmbeddedServices) -> None:
    await planned(services)
    capped = await change_caps(services, TENANT, JOB, {"max_tokens": 500}, by="cli")
    assert (capped.state, capped.round) == (JobState.PUBLISHED, 2)


async def test_a_job_that_a_person_paused_stays_so_whatever_its_caps(services: EmbeddedServices) -> None:
    await planned(services, max_tokens=1_000)
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.PAUSED})
    assert (await change_caps(services, TENANT, JOB, {"max_tokens": 5_000}, by="cli")).state is JobState.PAUSED


async def test_a_completed_job_has_nothing_to_cap(services: EmbeddedServices) -> None:
    await planned(services, max_tokens=1_000)
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.COMPLETED})
    with pytest.raises(UserError, match="is completed"):
        await change_caps(services, TENANT, JOB, {"max_tokens": 5_000}, by="cli")
