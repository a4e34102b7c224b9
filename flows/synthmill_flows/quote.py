"""The flow that tells what a dataset would take, by making a few of its records and keeping none."""

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import INPUTS, RUN_ID
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import has_outcome
from synthmill.jobs.quote import make_quote, quote_order
from synthmill.jobs.submit import stage
from synthmill.services import Services
from synthmill_flows.claim import Claimant, claimed
from synthmill_flows.current import services
from synthmill_flows.display import attempt
from synthmill_flows.hooks import note_crash, pass_on_cancel
from synthmill_flows.identity import Run
from synthmill_flows.naming import given
from synthmill_flows.ordering import order_of
from synthmill_flows.parameters import GenerateParameters, QuoteParameters
from synthmill_flows.patience import outlasting, patient
from synthmill_flows.progress import Shown, artifact_key
from synthmill_flows.standing import standing_for_a_job
from synthmill_flows.tasks import clean_up_job, follow_job, publish_job
from synthmill_schemas.quote import Interval, QuoteReport


def run_name() -> str:
    """How a run is listed: by its recipe."""
    return f"quote {given(QuoteParameters).recipe}"


@task(persist_result=True, result_serializer="json", cache_policy=INPUTS + RUN_ID)
async def stage_quote(run: Run, order: QuoteParameters) -> str:
    """Stages a small job over the first slots of the whole one, unless it exists; its state."""
    found = await find_job(services().store, run.tenant, run.job_id)
    if found is not None:
        return found.document.state.value
    wanted = GenerateParameters(recipe=order.recipe, inputs=order.inputs, records=order.records)
    whole = await order_of(services(), run, wanted)
    small = quote_order(run.tenant, run.job_id, whole.recipe, whole.inputs, order.slots, run.flow_run_id)
    return (await stage(services(), small)).state.value


@patient
async def reckon(tenant: str, job_id: str) -> QuoteReport:
    """Stores the quote."""
    return await make_quote(services(), tenant, job_id)


@flow(
    name="quote-recipe",
    flow_run_name=run_name,
    on_cancellation=[pass_on_cancel],
    on_crashed=[note_crash],
)
async def quote_recipe(order: QuoteParameters) -> State[None]:
    """Makes a few records, pays for them, and tells what the whole dataset would take. They are never part of it.

    Args:
        order: Which recipe on which inputs, and how many slots to try.
    """

    async def work(services: Services, run: Run) -> State[None]:
        return await outlasting(lambda: _quoted(services, run, order), services.settings.job.outage_seconds)

    return await standing_for_a_job(work)


async def _quoted(services: Services, run: Run, order: QuoteParameters) -> State[None]:
    await stage_quote(run, order)
    claimant = Claimant(services, run.tenant, run.job_id, run.flow_run_id)
    async with claimed(claimant, watch=Shown(run.job_id).on_status):
        await publish_job(run.tenant, run.job_id)
        status = await follow_job(services, run)
        if not has_outcome(status):
            return Failed(message=f"{status.state}: {status.reason or 'no slot was tried'}")
        report = await reckon(run.tenant, run.job_id)
        await clean_up_job(run.tenant, run.job_id)
    await attempt(_shown(report), "the quote")
    return Completed(message=f"quote for {report.records} records of {report.dataset}: {_price(report)}")


async def _shown(report: QuoteReport) -> None:
    tried = f"{report.slots} slots, {report.candidates} tries and {report.llm_calls} calls"
    lines = [
        f"# {report.dataset}: quote for {report.records} records",
        "",
        f"Reckoned from {tried}. Each range holds in 19 of 20 cases if the rest is like these.",
        "",
        *(f"- {name}: {_range(value, unit)}" for name, value, unit in _rows(report)),
    ]
    key = artifact_key("quote", report.dataset)
    await acreate_markdown_artifact("\n".join(lines), key=key, description=f"job {report.job_id}")


def _rows(report: QuoteReport) -> list[tuple[str, Interval | None, str]]:
    return [
        ("accepted share of tries", report.acceptance, ""),
        ("prompt tokens", report.prompt_tokens, ""),
        ("completion tokens", report.completion_tokens, ""),
        ("cost", report.cost_usd, " USD"),
        ("time of one consumer", report.seconds, " s"),
    ]


def _price(report: QuoteReport) -> str:
    return f"cost {_range(report.cost_usd, ' USD')}, tokens {_range(report.completion_tokens, '')} to be written"


def _range(value: Interval | None, unit: str) -> str:
    if value is None:
        return "unknown"
    return f"{_short(value.expected)}{unit} ({_short(value.low)} to {_short(value.high)}{unit})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 1_000 else f"{number:.3g}"
