"""Dead letters: each is kept whole as a document, and what waited for it learns that it will not come.

A job whose planning was given up fails, and so does an export; the slots of a request that was given up are parked.
All with the evidence.
"""

from typing import TypeVar

from pydantic import ValidationError

from synthmill.dead_letters.keeping import keep_letter, letter_of
from synthmill.jobs.documents import find_job
from synthmill.jobs.events import say
from synthmill.jobs.export.writing import fail_export
from synthmill.jobs.plan_job import fail_job
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.dead_letter import DeadLetterDocument
from synthmill_schemas.event import Level
from synthmill_schemas.file_export import ExportMessage
from synthmill_schemas.generation import GenerationRequest, RequestSlot
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import JobMessage
from synthmill_schemas.slot import RejectClass, SlotDocument, SlotState
from synthmill_worker.handlers.words import Handled

M = TypeVar("M", JobMessage, GenerationRequest, ExportMessage)
Content = JobMessage | GenerationRequest | ExportMessage


async def handle_dead_job(services: Services, message: Message) -> Handled:
    """Keeps the message and fails the job that it announced, if that still waits for it."""
    announced = _parsed(JobMessage, message)
    letter = _letter(services, Queue.JOBS, message, announced)
    await _keep(services, letter)
    if announced is not None:
        found = await find_job(services.store, announced.tenant, announced.job_id)
        if found is not None and found.document.round == announced.round:
            reason = f"planning was given up: {letter.reason}; `synthmill resume` tries again"
            await fail_job(services, found.document, reason, by="worker")
    return Handled.DRAINED


async def handle_dead_request(services: Services, message: Message) -> Handled:
    """Keeps the message and parks the slots of its request, if their round is the job's."""
    request = _parsed(GenerationRequest, message)
    letter = _letter(services, Queue.GENERATION, message, request)
    await _keep(services, letter)
    if request is not None:
        found = await find_job(services.store, request.tenant, request.job_id)
        if found is not None and found.document.round == request.round:
            await _park(services, request, letter)
    return Handled.DRAINED


async def handle_dead_export(services: Services, message: Message) -> Handled:
    """Keeps the message and fails the export that it ordered, if that still waits for it."""
    ordered = _parsed(ExportMessage, message)
    letter = _letter(services, Queue.EXPORTS, message, ordered)
    await _keep(services, letter)
    if ordered is not None:
        reason = f"writing it was given up: {letter.reason}; ask for it again, or replay {letter.report_id}"
        await fail_export(services, ordered.tenant, ordered.export_id, reason)
    return Handled.DRAINED


async def _park(services: Services, request: GenerationRequest, letter: DeadLetterDocument) -> None:
    """A slot that was accepted outranks this and stays (design law 1)."""
    place = Place(request.tenant, Collection.SLOTS, request.dataset)
    documents = [_parked(request, slot, letter) for slot in request.slots]
    await services.store.bulk(
        [Write(place, slot.record_id, slot.model_dump(mode="json"), WriteMode.RANKED, slot.rank) for slot in documents]
    )


def _parked(request: GenerationRequest, slot: RequestSlot, letter: DeadLetterDocument) -> SlotDocument:
    return SlotDocument(
        tenant=request.tenant,
        dataset=request.dataset,
        job_id=request.job_id,
        record_id=record_id(request.job_id, slot.slot),
        slot=slot.slot,
        state=SlotState.PARKED,
        round=request.round,
        reject_class=letter.reject_class or RejectClass.PROVIDER,  # the request was sound when it was published
        reason=f"{letter.reason}; its request is kept as {letter.report_id}",
        seed_id=slot.seed_id,
        lineage=slot.lineage,
        attributes=slot.attributes,
    )


async def _keep(services: Services, letter: DeadLetterDocument) -> None:
    await keep_letter(services.store, letter)
    about = f"job {letter.job_id}" if letter.job_id else "nobody's"
    await say(
        services.store,
        "worker",
        "message.dead",
        f"message {letter.message_id} on {letter.queue} ({about}) was given up: {letter.reason}",
        tenant=letter.tenant,
        job_id=letter.job_id,
        level=Level.ERROR,
        fields={"report_id": letter.report_id, "queue": letter.queue},
        event_id=f"{letter.report_id}-{letter.replays}" if letter.replays else letter.report_id,
    )


def _letter(services: Services, queue: Queue, message: Message, content: Content | None) -> DeadLetterDocument:
    return letter_of(
        queue,
        message,
        tenant=content.tenant if content else services.settings.tenant,
        job_id=content.job_id if content else None,
        round_=None if content is None or isinstance(content, ExportMessage) else content.round,
    )


def _parsed(contract: type[M], message: Message) -> M | None:
    try:
        return contract.model_validate_json(message.body)
    except ValidationError:
        return None
