"""Makes jobs by core's `submit`, and reads and moves them by core's own functions."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pydantic import BaseModel

from synthmill import tracing
from synthmill.errors import InputUnusable, Retriable, SynthmillError, UserError
from synthmill.jobs import cancel as core_cancel
from synthmill.jobs import extend as core_extend
from synthmill.jobs import pause as core_pause
from synthmill.jobs import rounds
from synthmill.jobs.at_once import submit_at_once
from synthmill.jobs.documents import find_job, jobs_of
from synthmill.jobs.order import JobOrder, new_job_id
from synthmill.jobs.prices import PriceUnknown
from synthmill.jobs.progress import Progress, job_progress
from synthmill.jobs.replay import Replayed, replay_rejects
from synthmill.jobs.revise import revised
from synthmill.jobs.status import Status, count_job
from synthmill.jobs.submit import submit
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.ports.broker import Queue
from synthmill.ports.records import Page, Query
from synthmill.recipes import CompiledRecipe, Overrides, RecipeInvalid
from synthmill.services import Services
from synthmill_api.auth.scopes import Caller
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs.changes import RetryRequest
from synthmill_api.jobs.inputs import rows_file, source_files
from synthmill_api.jobs.labels import noted, request_hash_of
from synthmill_api.jobs.views import JobRequest
from synthmill_api.recipes import service as recipe_service
from synthmill_api.recipes.policy import admitted
from synthmill_api.recipes.service import RecipeReference
from synthmill_schemas.budget import Budget
from synthmill_schemas.ids import canonical_json, job_id_from_key
from synthmill_schemas.job import JobDocument, JobState


@dataclass(frozen=True, slots=True)
class Creation:
    """A request for a job; with a key, the same request again is the same job."""

    caller: Caller
    request: JobRequest
    idempotency_key: str | None
    left: Budget | None = None
    """What the tenant may still spend this month."""
    sent: BaseModel | None = None
    """What the client sent, where that is not the job itself: a quote is asked for with the job that it is for."""

    @property
    def request_hash(self) -> str:
        """Of everything that the client asked for."""
        text = canonical_json((self.sent or self.request).model_dump(mode="json"))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


_UNSENT = frozenset({JobState.CREATED, JobState.PUBLISHING})
"""States of a job whose submit may have to be gone on with."""


def _as_it_is(order: JobOrder) -> JobOrder:
    return order


async def create(
    services: Services,
    config: ApiConfig,
    creation: Creation,
    ordered: Callable[[JobOrder], JobOrder] = _as_it_is,
) -> JobDocument:
    """The job, or what `ordered` makes of its order, once the broker has confirmed it."""
    tenant, key, request = creation.caller.tenant, creation.idempotency_key, creation.request
    job_id = new_job_id() if key is None else job_id_from_key(tenant, key)
    made = await _made_before(services, creation, job_id)
    if made is not None and made.state not in _UNSENT:
        return made  # whatever has become of its recipe and sources since
    order = ordered(await _order_of(services, config, creation, job_id))
    await services.broker.depth(Queue.JOBS)  # a broker that is down is told before anything is stored
    try:
        document = await (submit_at_once if _is_small(services, order, request) else submit)(services, order, by="api")
    except UserError:
        await _made_before(services, creation, job_id)  # another request, which came first while we were at it
        raise
    except Retriable:
        if key is None:
            await _give_up(services, tenant, job_id)
        raise
    if request_hash_of(document) != creation.request_hash:
        raise _reused(job_id)
    return document


async def _order_of(services: Services, config: ApiConfig, creation: Creation, job_id: str) -> JobOrder:
    """What is to be submitted, checked as far as can be before anything is stored."""
    tenant, request = creation.caller.tenant, creation.request
    recipe = await _recipe(services, config, tenant, request)
    files = await source_files(services, tenant, request.sources)
    if request.rows:
        files.append(rows_file(request.rows))
    _require_inputs(recipe, inputs=len(files))
    labels = noted(request.labels, creation.request_hash, creation.caller.key)
    return JobOrder(
        tenant,
        job_id,
        recipe,
        files,
        labels,
        trace=tracing.current(),
        about=list(request.labels.values()),
        caps=_caps(request, recipe, creation.left or Budget()),
        keyless=creation.idempotency_key is None,
    )


def _caps(request: JobRequest, recipe: CompiledRecipe, left: Budget) -> Budget:
    """What the client or the recipe says, and never more than the tenant has left."""
    target = recipe.recipe.target
    usd, tokens = (
        (request.max_usd or target.max_usd, left.max_usd),
        (request.max_tokens or target.max_tokens, left.max_tokens),
    )
    return Budget(
        max_usd=min((cap for cap in usd if cap is not None), default=None),
        max_tokens=min((cap for cap in tokens if cap is not None), default=None),
    )


def _is_small(services: Services, order: JobOrder, request: JobRequest) -> bool:
    """Whether its slots are few, and made from nothing or from rows of the request alone."""
    recipe = order.recipe.recipe
    slots = recipe.target.records or len(request.rows) * recipe.seeds.records_per_seed
    return not request.sources and slots <= services.settings.job.slots_at_once


async def _recipe(services: Services, config: ApiConfig, tenant: str, request: JobRequest) -> CompiledRecipe:
    data = request.recipe
    if request.stored_recipe is not None:
        reference = RecipeReference(request.stored_recipe.name, request.stored_recipe.version)
        data = (await recipe_service.get(services, tenant, reference)).recipe.model_dump(mode="json")
    return await recipe_service.compiled(data or {}, config, Overrides(records=request.records))


def _require_inputs(recipe: CompiledRecipe, *, inputs: int) -> None:
    name = recipe.recipe.name
    if recipe.needs_input and not inputs:
        fields = ", ".join(recipe.source_fields.values())
        raise Refused(Code.INPUT_UNUSABLE, f"recipe {name} reads {fields} from an input: name sources, or give rows")
    if inputs and not recipe.needs_input:
        raise Refused(Code.INPUT_UNUSABLE, f"recipe {name} has no source column: leave sources and rows out")
    if not inputs:
        resolve_records(recipe, SeedSpace([], recipe.recipe.seeds, recipe.recipe.seed))  # now, not by the planner


async def _made_before(services: Services, creation: Creation, job_id: str) -> JobDocument | None:
    """The job that the key stands for, if there is one; a 409 when another request made it."""
    if creation.idempotency_key is None:
        return None
    found = await find_job(services.store, creation.caller.tenant, job_id)
    if found is not None and request_hash_of(found.document) != creation.request_hash:
        raise _reused(job_id)
    return None if found is None else found.document


def _reused(job_id: str) -> Refused:
    return Refused(Code.IDEMPOTENCY_KEY_REUSED, f"this Idempotency-Key made job {job_id} from another request")


async def _give_up(services: Services, tenant: str, job_id: str) -> None:
    """Without a key the client cannot ask for this job again, so a job half made would be one too many."""
    with suppress(SynthmillError):
        reason = "the broker did not confirm it, and the client was told to ask anew"
        await core_cancel.cancel(services, tenant, job_id, service="api", reason=reason)


async def get(services: Services, tenant: str, job_id: str) -> JobDocument:
    """The job, or a 404."""
    found = await find_job(services.store, tenant, job_id)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no job {job_id}")
    return found.document


async def counted(services: Services, tenant: str, job_id: str) -> tuple[JobDocument, Status, Progress]:
    """The job, its numbers, and how it comes along."""
    document = await get(services, tenant, job_id)
    status = await count_job(services.store, document)
    return document, status, await job_progress(services.store, document, status)


async def page(services: Services, tenant: str, query: Query) -> Page:
    """One page of jobs."""
    await services.store.visible(jobs_of(tenant))
    return await services.store.search(jobs_of(tenant), query)


async def cancel(services: Services, tenant: str, job_id: str) -> JobDocument:
    """The job, cancelled; a 409 when it has ended."""
    async with moving(services, tenant, job_id):
        return await core_cancel.cancel(
            services, tenant, job_id, service="api", reason="cancelled through the API; resume it to go on"
        )


async def pause(services: Services, tenant: str, job_id: str) -> JobDocument:
    """The job, paused; a 409 when it does not run."""
    async with moving(services, tenant, job_id):
        return await core_pause.pause(
            services, tenant, job_id, service="api", reason="paused through the API; resume it to go on"
        )


async def resume(services: Services, tenant: str, job_id: str) -> JobDocument:
    """The job, going on; a 409 when there is nothing to go on with."""
    async with moving(services, tenant, job_id) as job:
        return await rounds.resume(services, job, await count_job(services.store, job), by="api")


async def extend(services: Services, tenant: str, job_id: str, records: int) -> JobDocument:
    """The job with so many records; a 409 when its state forbids it, a 422 when its seeds do not reach."""
    async with moving(services, tenant, job_id):
        return await core_extend.extend(services, tenant, job_id, records, by="api")


async def retry(
    services: Services, config: ApiConfig, tenant: str, job_id: str, request: RetryRequest
) -> tuple[Replayed, JobDocument]:
    """What came of it, and the job; a 422 with all faults of the change before anything is changed."""
    async with moving(services, tenant, job_id) as job:
        if not request.change.nothing:
            admitted(await asyncio.to_thread(revised, job, request.change), config)
        replayed = await replay_rejects(services, tenant, job_id, request.classes, by="api", change=request.change)
    return replayed, await get(services, tenant, job_id)


@asynccontextmanager
async def moving(services: Services, tenant: str, job_id: str) -> AsyncIterator[JobDocument]:
    """The job, for a step that its state may forbid: a 404 when it is not the tenant's, a 409 when it is forbidden."""
    job = await get(services, tenant, job_id)
    try:
        yield job
    except (RecipeInvalid, InputUnusable, PriceUnknown):
        raise  # told by their own codes
    except UserError as error:
        raise Refused(Code.JOB_STATE, str(error)) from error
