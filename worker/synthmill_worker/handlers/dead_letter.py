"""Dead letters: each is kept whole as a document, and what waited for it learns that it will not come.

A job whose planning was given up fails, and so does an export; the slots of a request that was given up are parked.
All with the evidence.
"""

import base64
from collections.abc import Mapping
from typing import Literal, TypeVar

from pydantic import ValidationError

from synthmill.jobs.documents import find_job
from synthmill.jobs.events import say
from synthmill.jobs.export.writing import fail_export
from synthmill.ports.broker import EVIDENCE_PREFIX, ORIGINAL_QUEUE_HEADER, STARTED_HEADER, Message, Queue
from synthmill.ports.records import Collection, Place, Write, WriteMode
from synthmill.services import Services
from synthmill_schemas.dead_letter import DeadLetterDocument
from synthmill_schemas.event import Level
from synthmill_schemas.file_export import ExportMessage
from synthmill_schemas.generation import GenerationRequest, RequestSlot
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import JobMessage
from synthmill_schemas.slot import RejectClass, SlotDocument, SlotState
from synthmill_worker.handlers.job import fail_job
from synthmill_worker.handlers.words import Handled

M = TypeVar("M", JobMessage, GenerationRequest, ExportMessage)
Content = JobMessage | GenerationRequest | ExportMessage

_NO_REASON = "given up by the broker"
_QUEUES: dict[Queue, Literal["jobs", "generation", "exports"]] = {
    Queue.JOBS: "jobs",
    Queue.GENERATION: "generation",
    Queue.EXPORTS: "exports",
}


async def handle_dead_job(services: Services, message: Message) -> Handled:
    """Keeps the message and fails the job that it announced, if that still waits for it."""
    announced = _parsed(JobMessage, message)
    letter = _letter(services, Queue.JOBS, message, announced)
    await _keep(services, letter)
    if announced is not None:
        found = await find_job(services.store, announced.tenant, announced.job_id)
        if found is not None and found.document.round == announced.round:
            await fail_job(
                services, found.document, f"planning was given up: {letter.reason}; `synthmill resume` tries again"
            )
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
        reject_class=_class(letter.evidence),
        reason=f"{letter.reason}; its request is kept as {letter.report_id}",
        seed_id=slot.seed_id,
        lineage=slot.lineage,
        attributes=slot.attributes,
    )


def _class(evidence: Mapping[str, str]) -> RejectClass:
    """What the evidence says, else `provider`: the request was sound when it was published."""
    told = evidence.get("class", "")
    return RejectClass(told) if told in set(RejectClass) else RejectClass.PROVIDER


async def _keep(services: Services, letter: DeadLetterDocument) -> None:
    place = Place(letter.tenant, Collection.REPORTS)
    await services.store.bulk([Write(place, letter.report_id, letter.model_dump(mode="json"))])
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
        event_id=letter.report_id,
    )


def _letter(services: Services, queue: Queue, message: Message, content: Content | None) -> DeadLetterDocument:
    evidence = {
        name.removeprefix(EVIDENCE_PREFIX): told
        for name, told in message.headers.items()
        if name.startswith(EVIDENCE_PREFIX)
    }
    own = {ORIGINAL_QUEUE_HEADER, STARTED_HEADER, *(EVIDENCE_PREFIX + name for name in evidence)}
    body, encoding = _text(message.body)
    starts = message.headers.get(STARTED_HEADER, "")
    return DeadLetterDocument(
        tenant=content.tenant if content else services.settings.tenant,
        report_id=f"dead-{queue}-{message.message_id}",
        queue=_QUEUES[queue],
        message_id=message.message_id,
        job_id=content.job_id if content else None,
        round=None if content is None or isinstance(content, ExportMessage) else content.round,
        reason=evidence.get("reason", _NO_REASON),
        starts=int(starts) if starts.isdigit() else None,
        evidence=evidence,
        headers={name: told for name, told in message.headers.items() if name not in own},
        body=body,
        encoding=encoding,
    )


def _parsed(contract: type[M], message: Message) -> M | None:
    try:
        return contract.model_validate_json(message.body)
    except ValidationError:
        return None


def _text(body: bytes) -> tuple[str, Literal["utf-8", "base64"]]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
