"""A job's changes of state, kept in its document: one write is the change and the word of it, so none is lost.

The consumer blocks a job without knowing of this; such a change is told from the state and noted with the next one.
"""

from synthmill.versioned import Changes
from synthmill_schemas.base import now
from synthmill_schemas.job import JobDocument, StateChange

MOST = 50
"""Changes that are kept; a job that was paused and resumed more often forgets its first ones."""


def history_of(job: JobDocument) -> list[StateChange]:
    """All changes up to the present state, each under the number that it keeps."""
    last = job.history[-1] if job.history else None
    if last is not None and (last.state, last.round) == (job.state, job.round):
        return job.history
    number = 1 if last is None else last.n + 1
    present = StateChange(n=number, state=job.state, round=job.round, reason=job.reason, at=job.updated_at)
    return [*job.history, present]


def recorded(job: JobDocument, changes: Changes) -> Changes:
    """The same changes, with what they do to the state noted."""
    history = history_of(job)
    state, round_ = changes.get("state", job.state), changes.get("round", job.round)
    if (state, round_) != (job.state, job.round):
        reason = changes.get("reason", job.reason)
        history = [*history, StateChange(n=history[-1].n + 1, state=state, round=round_, reason=reason, at=now())]
    fresh = history[-1].n - (job.history[-1].n if job.history else 0)
    if not fresh:
        return changes
    return {**changes, "history": history[-MOST:], "untold": min(job.untold + fresh, MOST)}
