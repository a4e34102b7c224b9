"""Submits a job: stage → `created` → `publishing` → send → `published`, each step once (design law 2).

API, flow and command line call this; whoever finds a step done goes on with the next.
"""

from contextlib import suppress
from enum import StrEnum

from synthmill import tracing
from synthmill.errors import ObjectMissing, UserError, VersionConflict
from synthmill.jobs.awaiting import wait_for
from synthmill.jobs.documents import VersionedJob, find_job, get_job, jobs_of, swap_job, trace_of, turn_of
from synthmill.jobs.events import Service, say
from synthmill.jobs.files import input_prefix
from synthmill.jobs.order import InputFile, JobOrder
from synthmill.jobs.prices import ordered_budget
from synthmill.jobs.tenants import tenant_note
from synthmill.ports.broker import Message, Queue
from synthmill.ports.objects import StoredObject
from synthmill.ports.records import Write, WriteMode
from synthmill.runs.wishes import Wish, wanted
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.ids import job_message_id
from synthmill_schemas.job import JobDocument, JobMessage, JobPurpose, JobState, Refresh, Source

_PATIENCE_SECONDS = 5.0  # a message is sent and confirmed in far less; who takes longer has died, or the broker is slow


class Turn(StrEnum):
    """Who took a step that only one can take."""

    OURS = "ours"
    ANOTHERS = "anothers"


async def submit(services: Services, order: JobOrder, *, by: Service = "cli") -> JobDocument:
    """Stages and publishes; returns when the broker has confirmed the job message. `by`: who says so in the events.

    Of many who submit the same job at once one sends its message: RabbitMQ takes each for another one.
    """
    await stage(services, order)
    job, turn = await begin(services, order.tenant, order.job_id)
    if turn is Turn.ANOTHERS:
        await _let_send(services, job)
    return await publish(services, order.tenant, order.job_id, by=by)


async def stage(services: Services, order: JobOrder) -> JobDocument:
    """Puts the inputs into the object store and creates the job document, unless the job exists."""
    found = await find_job(services.store, order.tenant, order.job_id)
    if found is not None:
        return _same(found.document, order)
    budget = ordered_budget(order.recipe.recipe, order.caps)
    sources = [await _put(services, order, number, file) for number, file in enumerate(order.inputs)]
    document = JobDocument(
        tenant=order.tenant,
        job_id=order.job_id,
        dataset=order.recipe.recipe.name,
        recipe=order.recipe.recipe,
        recipe_hash=order.recipe.recipe_hash,
        sources=sources,
        labels=order.labels,
        about=_about(order),
        purpose=order.purpose,
        budget=budget,
        refresh=Refresh() if order.refresh else None,
        keyless=order.keyless,
        flow_run_id=order.flow_run_id,
        traceparent=str(order.trace or tracing.of_job(order.tenant, order.job_id)),
    )
    write = Write(jobs_of(order.tenant), order.job_id, document.model_dump(mode="json"), WriteMode.CREATE)
    wish = (
        []
        if order.flow_run_id or order.purpose is JobPurpose.QUOTE
        else wanted(services.settings, Wish.CREATE, order.tenant, order.job_id)
    )
    await services.store.bulk([tenant_note(order.tenant), *wish, write])
    stored = await get_job(services.store, order.tenant, order.job_id)  # another submit may have been first
    return _same(stored.document, order)


async def begin(services: Services, tenant: str, job_id: str) -> tuple[JobDocument, Turn]:
    """The job once it is `created` no more, and whose step that was: from then on a message may be out (law 2)."""
    while True:
        job = await get_job(services.store, tenant, job_id)
        if job.document.state is not JobState.CREATED:
            return job.document, Turn.ANOTHERS
        with suppress(VersionConflict):
            return (await swap_job(services.store, job, {"state": JobState.PUBLISHING})).document, Turn.OURS


async def publish(services: Services, tenant: str, job_id: str, *, by: Service = "cli") -> JobDocument:
    """Sends the message of the job's current round if nobody has; returns the job as it is then."""
    while True:
        job = await get_job(services.store, tenant, job_id)
        try:
            match job.document.state:
                case JobState.CREATED:
                    await swap_job(services.store, job, {"state": JobState.PUBLISHING})
                case JobState.PUBLISHING:
                    await send(services, job.document)
                    await _mark_published(services, job, by)
                case _:
                    return job.document
        except VersionConflict:
            continue


async def _let_send(services: Services, job: JobDocument) -> None:
    """Leaves the message to the one who took the step before us, for as long as he can be thought to be at it."""
    waited = max(0.0, (now() - job.updated_at).total_seconds())  # clocks differ
    await wait_for(services, job.tenant, job.job_id, _is_out, _PATIENCE_SECONDS - waited)


def _is_out(job: JobDocument) -> bool:
    return job.state is not JobState.PUBLISHING


async def send(services: Services, job: JobDocument) -> None:
    """Sends the job message of the job's round; the worker drops what it finds done."""
    message_id = job_message_id(job.job_id, job.round)
    if job.earlier_records:  # the message before may still be in hand, and would stand for this one
        message_id += f".{len(job.earlier_records)}"
    trace = str(trace_of(job).child(message_id))
    body = JobMessage(tenant=job.tenant, job_id=job.job_id, round=job.round, traceparent=trace).model_dump_json()
    await services.broker.publish(Queue.JOBS, [Message(message_id, body.encode(), {tracing.HEADER: trace})])


async def _mark_published(services: Services, job: VersionedJob, by: Service) -> None:
    # A fast worker may have planned the round already: then the swap conflicts and the caller reads again.
    document = (await swap_job(services.store, job, {"state": JobState.PUBLISHED})).document
    await say(
        services.store,
        by,
        "job.published",
        f"job {document.job_id} round {document.round} published",
        tenant=document.tenant,
        job_id=document.job_id,
        event_id=f"{document.job_id}-{turn_of(document)}-published",
    )


async def _put(services: Services, order: JobOrder, number: int, file: InputFile) -> Source:
    content = "" if file.sha256 is None else f"-{file.sha256}"
    object_key = f"{input_prefix(order.tenant, order.job_id)}{number}{content}"
    if file.stored_at is None:
        stored = await services.objects.put(object_key, file.read(), sha256=file.sha256)
    else:
        stored = await _copied(services, file.stored_at, object_key, file.name)
    sha256 = stored.sha256 or file.sha256
    if sha256 is None:
        raise UserError(f"the object store gave no checksum for {file.name}")
    key = _unique_name(order, number)
    return Source(key=key, object_key=object_key, sha256=sha256, size=stored.size)


async def _copied(services: Services, source: str, object_key: str, name: str) -> StoredObject:
    try:
        return await services.objects.copy(source, object_key)
    except ObjectMissing as error:
        raise ObjectMissing(f"the file of {name} was deleted after its retention: upload it again") from error


def _about(order: JobOrder) -> str:
    recipe = order.recipe.recipe
    return "\n".join([recipe.name, recipe.description, *(file.name for file in order.inputs), *order.about])


def _unique_name(order: JobOrder, number: int) -> str:
    name = order.inputs[number].name
    earlier = sum(file.name == name for file in order.inputs[:number])
    return name if earlier == 0 else f"{name}#{earlier + 1}"


def _same(document: JobDocument, order: JobOrder) -> JobDocument:
    if document.recipe_hash != order.recipe.recipe_hash:
        raise UserError(
            f"job {order.job_id} exists with another recipe; give the new job an id of its own, "
            "or `synthmill resume` the old one"
        )
    return document
