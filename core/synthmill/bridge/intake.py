"""Decides what becomes of a delivery before a call is made: feed it, drop it, or let it come again."""

import json
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from pydantic import ValidationError

from synthmill.dead_letters.unreadable import why_unreadable
from synthmill.jobs.documents import find_job
from synthmill.ports.broker import Delivery
from synthmill.ports.records import Collection, Place, RecordStore
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import RUNNING_STATES
from synthmill_schemas.slot import SlotState

JOB_VIEW_SECONDS = 0.25  # a stop is noticed within this time; a document is read at most four times a second

JobKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Feed:
    """Worth calls: this line, holding only slots that are not accepted yet."""

    request_id: str
    job: JobKey
    round: int
    line: bytes
    claims: bool  # whether equal contents are duplicates in this job


class Drop(Enum):
    """Nothing to do: settle without a call (design law 4)."""

    STALE = auto()  # the job is gone, stopped or in another round
    DONE = auto()  # every slot is accepted


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a request that this version understands."""

    reason: str


@dataclass(frozen=True, slots=True)
class JobView:
    """What settling needs to know of a job."""

    running: bool
    round: int


class JobViews:
    """Job documents as they were at most `JOB_VIEW_SECONDS` ago."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._seen: dict[JobKey, tuple[float, JobView]] = {}

    async def get(self, job: JobKey) -> JobView:
        """The job's state; one that does not exist does not run."""
        seen = self._seen.get(job)
        if seen is not None and time.monotonic() - seen[0] < JOB_VIEW_SECONDS:
            return seen[1]
        found = await find_job(self._store, *job)
        view = JobView(False, 0)
        if found is not None:
            view = JobView(found.document.state in RUNNING_STATES, found.document.round)
        self._seen[job] = (time.monotonic(), view)
        return view

    def forget(self, keep: set[JobKey]) -> None:
        """Drops the views of jobs that no longer matter."""
        self._seen = {job: seen for job, seen in self._seen.items() if job in keep}


async def take_in(store: RecordStore, views: JobViews, delivery: Delivery) -> Feed | Drop | Unreadable:
    """Reads the message and the facts it depends on."""
    try:
        GenerationRequest.model_validate_json(delivery.message.body)
    except ValidationError as error:
        return Unreadable(why_unreadable("a generation request", error))
    request: dict[str, Any] = json.loads(delivery.message.body)
    job = (request["tenant"], request["job_id"])
    view = await views.get(job)
    if not view.running or view.round != request["round"]:
        return Drop.STALE
    slots = await _open_slots(store, request)
    if not slots:
        return Drop.DONE
    line = delivery.message.body
    if len(slots) < len(request["slots"]):
        line = json.dumps({**request, "slots": slots}, ensure_ascii=False).encode()
    return Feed(request["request_id"], job, request["round"], line, bool(request["unique"]))


async def _open_slots(store: RecordStore, request: dict[str, Any]) -> list[dict[str, Any]]:
    place = Place(request["tenant"], Collection.SLOTS, request["dataset"])
    ids = [record_id(request["job_id"], slot["slot"]) for slot in request["slots"]]
    stored = await store.get_many(place, ids)
    return [
        slot
        for slot, document in zip(request["slots"], stored, strict=True)
        if document is None or document.document["state"] == SlotState.EXHAUSTED
    ]
