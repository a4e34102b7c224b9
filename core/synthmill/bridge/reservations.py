"""Keeps the accounts of jobs with a budget for the calls of one child, in the transaction that writes their answers.

A call line settles what was reserved for it, so that ledger and account never differ. What a child that died had
reserved counts as spent: its calls may have been paid.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from synthmill.jobs.account import change_account, open_account
from synthmill.jobs.caps import pause_by_budget
from synthmill.jobs.documents import get_job
from synthmill.jobs.lease import new_owner
from synthmill.jobs.spending import (
    ALIVE_SECONDS,
    Judged,
    Unwritten,
    bury,
    committed,
    enter,
    held_by_others,
    hold,
    judge,
    plus,
)
from synthmill.ports.records import Document, RecordStore
from synthmill_schemas.budget import Amount, Budget, SpendingDocument
from synthmill_schemas.job import RUNNING_STATES, JobDocument
from synthmill_schemas.stdio import ReservedLine, Room

_BEAT_SECONDS = 5.0

JobKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Call:
    job: JobKey
    request_id: str
    need: Amount


@dataclass(slots=True)
class Reservations:
    """What the calls of one child have reserved; changed inside the caller's transaction only."""

    store: RecordStore
    _owner: str = field(default_factory=new_owner)
    _calls: dict[str, _Call] = field(default_factory=dict)
    _unwritten: dict[JobKey, Unwritten] = field(default_factory=dict)
    _beaten: float = field(default_factory=time.monotonic)

    async def apply(
        self, reserves: Sequence[Document], calls: Sequence[Document], settled: Sequence[Document]
    ) -> list[ReservedLine]:
        """Settles calls that ended, and those of requests that ended without a word; grants what there is room for."""
        touched = {self._settle(call["call_id"], call) for call in calls}
        ended = {document["request_id"] for document in settled}
        touched |= {self._settle(id_, None) for id_ in [id_ for id_, c in self._calls.items() if c.request_id in ended]}
        wanted: dict[JobKey, list[Document]] = {}
        for reserve in reserves:
            wanted.setdefault((reserve["tenant"], reserve["job_id"]), []).append(reserve)
        lines: list[ReservedLine] = []
        for job in {key for key in touched if key is not None} | set(wanted):
            lines += await self._keep(job, wanted.get(job, []))
        return lines

    @property
    def beat_is_due(self) -> bool:
        """Whether it is time to say that what is reserved is alive."""
        return bool(self._calls) and time.monotonic() - self._beaten >= _BEAT_SECONDS

    async def beat(self) -> None:
        """Says that what is reserved is alive."""
        self._beaten = time.monotonic()
        for job in {call.job for call in self._calls.values()}:
            await self._keep(job, [])

    async def abandon(self) -> None:
        """The child has ended: what it did not settle may have been paid."""
        for job in {self._settle(id_, None) for id_ in list(self._calls)}:
            if job is not None:
                await self._keep(job, [])

    def _settle(self, call_id: str, call: Mapping[str, object] | None) -> JobKey | None:
        held = self._calls.pop(call_id, None)
        if held is None:
            return None
        unwritten = self._unwritten.get(held.job, Unwritten())
        self._unwritten[held.job] = unwritten.settled(held.need, None if call is None else dict(call))
        return held.job

    async def _keep(self, key: JobKey, wanted: Sequence[Document]) -> list[ReservedLine]:
        job = (await get_job(self.store, *key)).document
        await open_account(self.store, job)
        unwritten, verdicts = self._unwritten.get(key, Unwritten()), list[Judged]()
        granted, at = unwritten, int(time.time())

        def decide(account: SpendingDocument) -> SpendingDocument:
            nonlocal granted
            account = enter(bury(account, self._owner, at), self._owner, unwritten)
            granted = self._grant(account, job, unwritten, wanted, verdicts)
            return hold(account, self._owner, granted.held, at + ALIVE_SECONDS)

        await change_account(self.store, *key, decide)
        self._unwritten[key] = granted.kept()
        return [await self._told(key, job, *each) for each in zip(wanted, verdicts, strict=True)]

    def _grant(
        self,
        account: SpendingDocument,
        job: JobDocument,
        unwritten: Unwritten,
        wanted: Sequence[Document],
        verdicts: list[Judged],
    ) -> Unwritten:
        verdicts.clear()  # the account may have changed meanwhile: then all is judged anew
        others, spent = held_by_others(account, self._owner), committed(account)
        for reserve in wanted:
            need = Amount.model_validate(reserve["need"])
            judged = judge(job.budget or Budget(), spent, plus(others, unwritten.held), need)
            if job.state not in RUNNING_STATES:
                judged = Judged(Room.OVER, f"the job is {job.state}")
            verdicts.append(judged)
            if judged.room is Room.GRANTED:
                unwritten = unwritten.granted(need)
        return unwritten

    async def _told(self, key: JobKey, job: JobDocument, reserve: Document, judged: Judged) -> ReservedLine:
        if judged.room is Room.GRANTED:
            need = Amount.model_validate(reserve["need"])
            self._calls[reserve["call_id"]] = _Call(key, reserve["request_id"], need)
        if judged.room is Room.OVER:
            await pause_by_budget(self.store, job, str(judged.reason), by="bridge")
        return ReservedLine(call_id=reserve["call_id"], room=judged.room, reason=judged.reason)
