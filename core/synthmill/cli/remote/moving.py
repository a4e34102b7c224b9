"""`synthmill cancel`, `pause` and `resume` with `--server URL`."""

from pathlib import Path

import click

from synthmill.cli import consoles, options
from synthmill.cli.remote.server import client, followed
from synthmill.cli.session import check_out, default_out


@click.command("cancel")
@options.job_argument
def cancel_command(job: str) -> None:
    """Stop JOB: calls in flight end, no new ones begin, what is accepted stays."""
    with client() as api:
        consoles.show(f"job {api.cancel(job).id} is cancelled; `synthmill resume` would go on with it")


@click.command("pause")
@options.job_argument
def pause_command(job: str) -> None:
    """Let JOB rest: calls in flight end, no new ones begin, what is accepted stays."""
    with client() as api:
        consoles.show(f"job {api.pause(job).id} is paused; `synthmill resume` goes on with it")


@click.command("resume")
@options.job_argument
@options.out_option
@options.json_option
def resume_command(job: str, out: Path | None, as_json: bool) -> int:
    """Go on with JOB; only slots without an accepted record are worked on. Its records come here at the end."""
    check_out(out)
    with client() as api:
        going = api.resume(job)
        return followed(api, going.id, out or default_out(going.dataset, going.id), as_json=as_json)
