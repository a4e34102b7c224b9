"""Replays dead letters: their work is given to the services again, confirmed, and then noted who did it and when.

A message that the services would still take is published as it was, with its own id and headers. One whose round is
over, or whose slots are parked, would be settled unread; its slots are tried again in a round of their own instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import ValidationError

from synthmill.dead_letters.keeping import REPLAY_HEADER, body_of
from synthmill.dead_letters.letters import change_letter
from synthmill.dead_letters.reopen import By, open_documents, reopen, require_going
from synthmill.errors import UserError
from synthmill.jobs.documents import find_job
from synthmill.jobs.events import say
from synthmill.jobs.export.requests import find_export, request_again
from synthmill.jobs.rounds import resume
from synthmill.jobs.status import count_job
from synthmill.ports.broker import Message, Queue
from synthmill.services import Services
from synthmill.versioned import Changes
from synthmill_schemas.base import now
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.file_export import ExportMessage, ExportState
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobMessage, JobState
from synthmill_schemas.slot import SlotState


class Outcome(StrEnum):
    """What became of a letter."""

    PUBLISHED = "published"  # its message is in its queue again, as it was
    REOPENED = "reopened"  # its slots are tried again in a new round
    RESUMED = "resumed"  # its job is planned again in a new round
    NEEDLESS = "needless"  # nothing is left to be done for it
    ALREADY = "already"  # it was decided before
    REFUSED = "refused"  # `reason` says why
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Decided:
    """A letter and what became of it."""

    id: str
    outcome: Outcome
    reason: str | None = None


@dataclass(slots=True)
class _Plan:
    """What is to be reopened, by job: the letters, and their slots."""

    letters: list[DeadLetterDocument] = field(default_factory=list)
    slots: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Clerk:
    """Whoever decides: `by` tells the program, `who` the person or key."""

    services: Services
    tenant: str
    by: By
    who: str

    async def replay(self, letters: Iterable[DeadLetterDocument]) -> list[Decided]:
        """Replays each that was not replayed before; letters of one job share one round."""
        decided: list[Decided] = []
        plans: dict[str, _Plan] = {}
        for letter in letters:
            try:
                outcome = await self._replay(letter, plans)
            except UserError as error:
                decided.append(Decided(letter.report_id, Outcome.REFUSED, str(error)))
                continue
            if outcome is not None:
                decided.append(await self._settled(letter, outcome))
        for job_id, plan in plans.items():
            decided += await self._reopen(job_id, plan)
        return decided

    async def drop(self, letters: Iterable[DeadLetterDocument]) -> list[Decided]:
        """Leaves each for good; its record stays, and so do its parked slots."""
        return [await self._settled(letter, Outcome.DROPPED) for letter in letters]

    async def _replay(self, letter: DeadLetterDocument, plans: dict[str, _Plan]) -> Outcome | None:
        """None: its slots are noted in the plan of its job."""
        if letter.state is LetterState.REPLAYED:
            return Outcome.ALREADY
        match letter.queue:
            case "jobs":
                return await self._job(letter)
            case "exports":
                return await self._export(letter)
            case "generation":
                return await self._request(letter, plans)

    async def _job(self, letter: DeadLetterDocument) -> Outcome:
        try:
            message = JobMessage.model_validate_json(body_of(letter))
        except ValidationError:
            return await self._publish(letter)
        job = await self._job_of(message.job_id)
        if job.round != message.round or job.state is JobState.PLANNED:
            return Outcome.NEEDLESS
        if job.state in RUNNING_STATES:
            return await self._publish(letter)
        require_going(job)
        if job.state in (JobState.COMPLETED, JobState.COMPLETED_WITH_PARKED):
            return Outcome.NEEDLESS
        await resume(self.services, job, await count_job(self.services.store, job), by=self.by)
        return Outcome.RESUMED

    async def _export(self, letter: DeadLetterDocument) -> Outcome:
        try:
            message = ExportMessage.model_validate_json(body_of(letter))
        except ValidationError:
            return await self._publish(letter)
        found = await find_export(self.services.store, self.tenant, message.export_id)
        if found is None or found.document.state in (ExportState.DONE, ExportState.EXPIRED):
            return Outcome.NEEDLESS
        await request_again(self.services.store, self.tenant, message.export_id)
        return await self._publish(letter)

    async def _request(self, letter: DeadLetterDocument, plans: dict[str, _Plan]) -> Outcome | None:
        try:
            request = GenerationRequest.model_validate_json(body_of(letter))
        except ValidationError:
            return await self._publish(letter)  # perhaps of a newer version, which its consumer can read
        job = await self._job_of(request.job_id)
        slots = [slot.slot for slot in request.slots]
        still_open = await open_documents(self.services, job, slots)
        if not still_open:
            return Outcome.NEEDLESS
        require_going(job)
        parked = any(s is not None and s.document["state"] == SlotState.PARKED for s in still_open)
        if job.state in RUNNING_STATES and not parked:
            return await self._publish(letter) if job.round == request.round else Outcome.NEEDLESS
        plan = plans.setdefault(job.job_id, _Plan())
        plan.letters.append(letter)
        plan.slots.update(slots)
        return None

    async def _reopen(self, job_id: str, plan: _Plan) -> list[Decided]:
        try:
            await reopen(self.services, self.tenant, job_id, sorted(plan.slots), by=self.by)
        except UserError as error:
            return [Decided(letter.report_id, Outcome.REFUSED, str(error)) for letter in plan.letters]
        return [await self._settled(letter, Outcome.REOPENED) for letter in plan.letters]

    async def _job_of(self, job_id: str) -> JobDocument:
        found = await find_job(self.services.store, self.tenant, job_id)
        if found is None:
            raise UserError(f"its job {job_id} is not there: drop the letter")
        return found.document

    async def _publish(self, letter: DeadLetterDocument) -> Outcome:
        headers = {**letter.headers, REPLAY_HEADER: str(letter.replays + 1)}
        message = Message(letter.message_id, body_of(letter), headers)
        await self.services.broker.publish(Queue(letter.queue), [message])
        return Outcome.PUBLISHED

    async def _settled(self, letter: DeadLetterDocument, outcome: Outcome) -> Decided:
        """Notes the decision about exactly the letter that was read; one that changed since is somebody else's."""
        if outcome is Outcome.ALREADY:
            return Decided(letter.report_id, outcome, _by_whom(letter))
        dropped = outcome is Outcome.DROPPED
        state = LetterState.DROPPED if dropped else LetterState.REPLAYED
        replays = letter.replays + (0 if dropped else 1)
        mine = {"state": state, "replays": replays, "decided_by": self.who, "decided_at": now()}

        def decide(current: DeadLetterDocument) -> Changes | None:
            changed = current.replays != letter.replays or current.state is not letter.state
            return None if changed or current.state is state else mine

        after = await change_letter(self.services.store, self.tenant, letter.report_id, decide)
        if after.decided_at != mine["decided_at"]:
            return Decided(letter.report_id, Outcome.ALREADY, _by_whom(after))
        await self._say(after, outcome)
        return Decided(letter.report_id, outcome)

    async def _say(self, letter: DeadLetterDocument, outcome: Outcome) -> None:
        await say(
            self.services.store,
            self.by,
            f"message.{letter.state}",
            f"dead letter {letter.report_id} was {letter.state} by {self.who}: {outcome}",
            tenant=letter.tenant,
            job_id=letter.job_id,
            fields={"report_id": letter.report_id, "queue": letter.queue},
        )


def _by_whom(letter: DeadLetterDocument) -> str:
    at = letter.decided_at.isoformat(timespec="seconds") if letter.decided_at else "before"
    return f"{letter.state} by {letter.decided_by}, {at}"


def counts(decided: Sequence[Decided]) -> dict[Outcome, int]:
    """How many came to what."""
    return {outcome: n for outcome in Outcome if (n := sum(each.outcome is outcome for each in decided))}
