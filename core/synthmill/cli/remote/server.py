"""The client that a command uses, and a job of the server as the panels and summaries of this program show it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from synthmill.cli import consoles
from synthmill.cli.display import open_display
from synthmill.cli.registry import SERVER
from synthmill.cli.summary import as_json as status_json
from synthmill.cli.summary import summary
from synthmill.client import Client
from synthmill.client.models import Export, JobProgress
from synthmill.errors import UserError
from synthmill.jobs.status import Status, Tokens
from synthmill.settings import Profile
from synthmill_schemas.job import JobState, Outputs

KEY = "SYNTHMILL_API_KEY"


@contextmanager
def client() -> Iterator[Client]:
    """Of the server that the command line names."""
    url = str(click.get_current_context().find_root().meta[SERVER])
    key = os.environ.get(KEY, "")
    if not key:
        raise UserError(f"set {KEY} to a key of {url}; whoever runs it makes one by `synthmill keys create`")
    with Client(url, key) as made:
        yield made


def status_of(job: JobProgress, *outputs: Outputs) -> Status:
    """As this program has a job's numbers."""
    return Status(
        job_id=job.id,
        dataset=job.dataset,
        state=job.state,
        reason=job.reason,
        round=job.round,
        requested=job.requested,
        accepted=job.accepted,
        exhausted=job.exhausted,
        parked=job.parked,
        open_in_round=job.pending,
        mendable=0,
        candidates=job.candidates,
        rejects_by_class=job.rejects_by_class,
        llm_calls=job.llm_calls,
        tokens=Tokens(job.prompt_tokens, job.completion_tokens),
        cost_usd=job.cost_usd,
        seconds=job.seconds,
        outputs=outputs,
    )


def followed(api: Client, job_id: str, out: Path, *, as_json: bool) -> int:
    """Shows the job until it rests, fetches its records into the folder, reports; answers the exit code."""
    with open_display(consoles.err()) as display:
        job = api.wait(job_id, lambda seen: display.show(status_of(seen), None))
    files = [_fetched(api, job, out)] if job.accepted and job.state is not JobState.PAUSED else []
    status = replace(status_of(job), outputs=tuple(files))
    if as_json:
        consoles.print_json(status_json(status))
    else:
        consoles.show(summary(status, [], reason=job.reason, profile=Profile.STACK))
    return 0 if job.state is JobState.COMPLETED else 1


def _fetched(api: Client, job: JobProgress, out: Path) -> Outputs:
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{job.dataset}.jsonl"
    export: Export = api.export(job.id, path)
    return Outputs(format="jsonl", path=str(path), records=export.records or 0, size=export.size or 0)
