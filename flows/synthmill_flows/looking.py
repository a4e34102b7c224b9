"""Counts a job's facts sparingly: a cluster that others share gets about one request a second for it.

A full count takes the record store ten requests. Between two of them a look is one request: in turn the job document,
which tells at once when the job stops or goes on to another round, and the number of accepted records.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from synthmill.jobs.documents import get_job
from synthmill.jobs.status import Status, job_status
from synthmill.ports.records import Collection, Place, RecordStore
from synthmill_schemas.slot import SlotState

FULL_SECONDS = 30.0  # between two full counts while records come; with the events, a request a second in all


class SparingLook:
    """One job's status at each call; `accepted` and what is open are of now, the rest of the last full count."""

    def __init__(
        self, store: RecordStore, tenant: str, job_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._tenant = tenant
        self._job_id = job_id
        self._clock = clock
        self._last: Status | None = None
        self._counted_at = 0.0
        self._document_next = True

    async def __call__(self) -> Status:
        """The status now."""
        last = self._last
        if last is None or not last.open_in_round or self._clock() - self._counted_at >= FULL_SECONDS:
            return await self._full()
        self._document_next = not self._document_next
        return await (self._by_records(last) if self._document_next else self._by_document(last))

    async def _full(self) -> Status:
        self._last = await job_status(self._store, self._tenant, self._job_id)
        self._counted_at = self._clock()
        return self._last

    async def _by_document(self, last: Status) -> Status:
        job = (await get_job(self._store, self._tenant, self._job_id)).document
        return last if (job.state, job.round) == (last.state, last.round) else await self._full()

    async def _by_records(self, last: Status) -> Status:
        """Without asking for a refresh: what is not visible yet is seen the next time."""
        place = Place(self._tenant, Collection.SLOTS, last.dataset)
        where = {"job_id": self._job_id, "state": SlotState.ACCEPTED.value}
        new = await self._store.count(place, where) - last.accepted
        if new <= 0:
            return last
        if new >= last.open_in_round:
            return await self._full()
        self._last = replace(last, accepted=last.accepted + new, open_in_round=last.open_in_round - new)
        return self._last
