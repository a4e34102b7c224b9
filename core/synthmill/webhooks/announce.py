"""Makes messages of what job documents have to tell: the change is in the document, so none is forgotten.

The id of a message is that of webhook, job and change; making it again after a crash makes nothing.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

from synthmill.errors import VersionConflict
from synthmill.jobs.documents import VersionedJob, jobs_of
from synthmill.jobs.history import history_of
from synthmill.ports.records import Range, RecordStore, Where, Write, WriteMode
from synthmill.versioned import parsed
from synthmill.webhooks.documents import DeliveryDocument, WebhookDocument, webhooks_of
from synthmill_schemas.base import JsonObject, now
from synthmill_schemas.job import JobDocument, JobState, StateChange

_SKEW = timedelta(hours=1)  # between the clocks of two machines, generously


async def announce(store: RecordStore, tenant: str, webhooks: Sequence[WebhookDocument]) -> int:
    """Makes a message of each change for each webhook that wants it; how many changes there were."""
    told = 0
    async for job in _with_news(store, tenant, min(webhook.created_at for webhook in webhooks)):
        told += await _tell(store, job, webhooks)
    return told


def message(webhook: WebhookDocument, type_: str, at: datetime, data: JsonObject, key: str) -> DeliveryDocument:
    """A message for one webhook; the same `key` is the same message."""
    digest = hashlib.sha256(f"{webhook.tenant}\n{webhook.webhook_id}\n{key}".encode()).hexdigest()
    body = json.dumps({"type": type_, "timestamp": at.isoformat(), "data": data}, ensure_ascii=False)
    return DeliveryDocument(
        tenant=webhook.tenant,
        delivery_id=f"msg_{digest[:32]}",
        report_id=webhook.webhook_id,
        job_id=data.get("job_id"),
        type=type_,
        body=body,
    )


def created(document: DeliveryDocument) -> Write:
    """The write that makes a message, unless it is there."""
    place = webhooks_of(document.tenant)
    return Write(place, document.delivery_id, document.model_dump(mode="json"), WriteMode.CREATE)


async def _with_news(store: RecordStore, tenant: str, since: datetime) -> AsyncIterator[VersionedJob]:
    place = jobs_of(tenant)
    await store.visible(place)
    lately = Range(low=(since - _SKEW).isoformat())
    # the consumer, which blocks jobs, knows nothing of this: its change stands in the state alone
    untold: tuple[Where, ...] = ({"untold": Range(low=1)}, {"state": JobState.BLOCKED.value})
    for where in untold:
        async for stored in store.scan(place, {**where, "updated_at": lately}):
            yield parsed(JobDocument, stored)


async def _tell(store: RecordStore, found: VersionedJob, webhooks: Sequence[WebhookDocument]) -> int:
    job = found.document
    history = history_of(job)
    fresh = job.untold + len(history) - len(job.history)
    if not fresh:
        return 0
    writes = [
        created(message(webhook, f"job.{change.state}", change.at, _data(job, change), f"{job.job_id}\n{change.n}"))
        for change in history[-fresh:]
        for webhook in webhooks
        if webhook.wants(job.job_id, change.state, change.at)
    ]
    if writes:
        await store.bulk(writes)
    noted = {"untold": 0, "history": [change.model_dump(mode="json") for change in history]}
    try:  # not by change_job: that sets updated_at, which tells when the job ended
        await store.patch(jobs_of(job.tenant), job.job_id, noted, expected=found.version)
    except VersionConflict:
        return 0  # it has changed again; all of it is told in the next pass
    return fresh


def _data(job: JobDocument, change: StateChange) -> JsonObject:
    return {
        "job_id": job.job_id,
        "dataset": job.dataset,
        "state": change.state.value,
        "round": change.round,
        "reason": change.reason,
        "n": change.n,
        "records": job.records,
    }


def test_message(webhook: WebhookDocument) -> DeliveryDocument:
    """A message of no job, for who wants to see whether the receiver takes any."""
    at = now()
    return message(webhook, "webhook.test", at, {"webhook_id": webhook.webhook_id}, at.isoformat())
