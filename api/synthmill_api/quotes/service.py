"""Orders the small job of a quote by the same way as any other, and reckons when it has ended."""

from dataclasses import replace

from synthmill.jobs.at_once import submit_at_once
from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import has_outcome
from synthmill.jobs.order import new_job_id
from synthmill.jobs.quote import find_quote, make_quote, quote_order
from synthmill.jobs.status import job_status
from synthmill.jobs.submit import submit
from synthmill.ports.broker import Queue
from synthmill.services import Services
from synthmill_api.auth.scopes import Caller
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs.service import Creation, order_of
from synthmill_api.quotes.views import QuoteRequest
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobPurpose, JobState
from synthmill_schemas.quote import QuoteReport


async def create(services: Services, config: ApiConfig, caller: Caller, request: QuoteRequest) -> JobDocument:
    """The small job, once the broker has confirmed it."""
    job_id = new_job_id()
    whole = await order_of(services, config, Creation(caller, request.order(), None), job_id)
    small = quote_order(caller.tenant, job_id, whole.recipe, whole.inputs, request.slots, None)
    order = replace(small, trace=whole.trace, keyless=True)
    await services.broker.depth(Queue.JOBS)  # a broker that is down is told before anything is stored
    return await (submit if request.sources else submit_at_once)(services, order, by="api")


async def get(services: Services, tenant: str, quote_id: str) -> tuple[JobDocument, QuoteReport | None]:
    """The small job, and what was reckoned if it has ended; a 404 for a job that is none of a quote."""
    found = await find_job(services.store, tenant, quote_id)
    if found is None or found.document.purpose is not JobPurpose.QUOTE:
        raise Refused(Code.NOT_FOUND, f"there is no quote {quote_id}")
    job = found.document
    if job.state is JobState.CREATED or job.state in RUNNING_STATES:
        return job, None
    report = await find_quote(services.store, tenant, quote_id)
    if report is None and has_outcome(await job_status(services.store, tenant, quote_id)):
        report = await make_quote(services, tenant, quote_id)
    return job, report
