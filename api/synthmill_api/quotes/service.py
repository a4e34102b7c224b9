"""Orders the small job of a quote by the same way as any other, and reckons when it has ended."""

from dataclasses import replace

from synthmill.jobs.documents import find_job
from synthmill.jobs.drive import has_outcome
from synthmill.jobs.order import JobOrder
from synthmill.jobs.quote import find_quote, make_quote, quote_order
from synthmill.jobs.status import count_job
from synthmill.services import Services
from synthmill_api.config import ApiConfig
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs import service as jobs
from synthmill_api.jobs.service import Creation
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobPurpose, JobState
from synthmill_schemas.quote import QuoteReport

Told = tuple[JobDocument, QuoteReport | None]
"""The small job, and what was reckoned by it once it has ended."""


async def create(services: Services, config: ApiConfig, creation: Creation, slots: int) -> Told:
    """The small job of so many slots, once the broker has confirmed it; asked for again, as it stands by then."""

    def small(whole: JobOrder) -> JobOrder:
        order = quote_order(whole.tenant, whole.job_id, whole.recipe, whole.inputs, slots, None)
        labels = {**whole.labels, **order.labels}
        return replace(order, labels=labels, trace=whole.trace, caps=whole.caps, keyless=whole.keyless)

    return await _told(services, await jobs.create(services, config, creation, small))


async def get(services: Services, tenant: str, quote_id: str) -> Told:
    """The small job, and what was reckoned if it has ended; a 404 for a job that is none of a quote."""
    found = await find_job(services.store, tenant, quote_id)
    if found is None or found.document.purpose is not JobPurpose.QUOTE:
        raise Refused(Code.NOT_FOUND, f"there is no quote {quote_id}")
    return await _told(services, found.document)


async def _told(services: Services, job: JobDocument) -> Told:
    if job.state is JobState.CREATED or job.state in RUNNING_STATES:
        return job, None
    report = await find_quote(services.store, job.tenant, job.job_id)
    if report is None and has_outcome(await count_job(services.store, job)):
        report = await make_quote(services, job.tenant, job.job_id)
    return job, report
