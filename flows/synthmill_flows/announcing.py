"""Which of Prefect's events a run sends when: at its start, at its end, at a stall, and for the dataset."""

from synthmill.jobs.judging import Judgement
from synthmill.jobs.stall import Stall
from synthmill.jobs.status import Status
from synthmill_flows.events import DatasetEvent, JobEvent, Subject, tell_dataset, tell_job
from synthmill_flows.identity import Run
from synthmill_flows.progress import counts_of
from synthmill_schemas.base import JsonObject, now
from synthmill_schemas.job import JobState

_ENDS = {
    JobState.COMPLETED: JobEvent.COMPLETED,
    JobState.COMPLETED_WITH_PARKED: JobEvent.COMPLETED_WITH_PARKED,
    JobState.FAILED: JobEvent.FAILED,
    JobState.PAUSED: JobEvent.PAUSED,
    JobState.BLOCKED: JobEvent.BLOCKED,
    JobState.CANCELLED: JobEvent.CANCELLED,
}


def subject_of(run: Run, dataset: str) -> Subject:
    """The job, with the run in whose feed it is shown."""
    return Subject(run.tenant, run.job_id, dataset, run.flow_run_id)


def announce_start(run: Run, dataset: str, round_: int, *, again: bool) -> None:
    """Once a round; `again`: the run has run before."""
    event = JobEvent.CONTINUED if again else JobEvent.STARTED
    tell_job(event, subject_of(run, dataset), str(round_), {"round": round_})


def announce_stall(run: Run, dataset: str, stall: Stall) -> None:
    """Each time, since each may be another cause."""
    payload: JsonObject = {"reason": stall.text, **stall.fields}
    tell_job(JobEvent.STALLED, subject_of(run, dataset), now().isoformat(), payload)


def announce_end(run: Run, status: Status, judged: Judgement) -> None:
    """How the round ended, and what became of the dataset's version."""
    about = subject_of(run, status.dataset)
    event = _ENDS.get(status.state)
    if event is not None:
        tell_job(event, about, str(status.round), {**counts_of(status), "reason": status.reason})
    if judged.release is not None and judged.release.version is not None:
        made = judged.release
        counts: JsonObject = {"records": made.records, "added": made.added, "ended": made.ended}
        tell_dataset(DatasetEvent.RELEASED, about, made.version, {**counts, "outcome": made.outcome.value})
    elif judged.blocked and judged.gate is not None:
        payload: JsonObject = {"reason": judged.gate.reason or "", "report_id": judged.gate.report_id}
        tell_dataset(DatasetEvent.BLOCKED, about, None, payload)
