"""How a job ended: numbers that add up, where the files are, what it cost, what to do next; or the same as JSON."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from synthmill.cli import words
from synthmill.cli.panel import bad_rows, cost, facts, headline, identity, rejected, tone
from synthmill.jobs.status import Status
from synthmill.settings import Profile
from synthmill_schemas.base import JsonObject
from synthmill_schemas.job import JobState

Row = tuple[str, str, str]


def as_json(status: Status, *, reason: str | None = None) -> JsonObject:
    """The object that `--json` prints; `reason` is used when the job itself has none, e.g. for Ctrl-C."""
    return {
        "job_id": status.job_id,
        "dataset": status.dataset,
        "state": status.state.value,
        "reason": status.reason or reason,
        "round": status.round,
        "requested": status.requested,
        "accepted": status.accepted,
        "exhausted": status.exhausted,
        "parked": status.parked,
        "pending": status.pending,
        "rejects_by_class": dict(status.rejects_by_class),
        "llm_calls": status.llm_calls,
        "tokens": {"prompt": status.tokens.prompt, "completion": status.tokens.completion},
        "cost_usd": status.cost_usd,
        "seconds": status.seconds,
        "outputs": [output.model_dump(mode="json") for output in status.outputs],
        "flow_run_id": status.flow_run_id,
    }


def summary(
    status: Status,
    examples: Sequence[str] = (),
    *,
    reason: str | None = None,
    stopped: bool = False,
    profile: Profile = Profile.EMBEDDED,
) -> RenderableType:
    """The lines that stay; `examples` of rejects are shown when something is missing.

    `stopped`: our command ended before the job; on the stack its services go on.
    """
    goes_on = profile is Profile.STACK and status.running
    rows: list[Row] = [("slots", identity(status) if status.requested else "not known yet", "")]
    if reason:
        rows.append(("reason", reason, ""))
    if (tries := rejected(status)) is not None:
        rows.append(("rejected", *tries))
    if bad_rows(status):
        rows.append(("input", f"{words.counted(bad_rows(status), 'row')} left out", "unusable"))
    if status.accepted < status.requested or bad_rows(status):
        rows += [("" if number else "e.g.", example, "") for number, example in enumerate(examples)]
    rows += [("cost", *cost(status)), *_files(status), *_next(status, goes_on=goes_on)]
    return Padding(Group(_verdict(status, stopped=stopped and not goes_on), Text(), facts(rows)), (1, 2), expand=False)


def _verdict(status: Status, *, stopped: bool) -> Text:
    if status.state is not JobState.COMPLETED:
        return headline(status, "stopped" if stopped and status.running else None)
    text = f"{words.counted(status.accepted, 'record')} in {words.duration(status.seconds)}"
    return Text.assemble(
        (status.dataset, "name"), "  ", (words.short(status.job_id), "quiet"), "  ", (text, tone(status.state))
    )


def _files(status: Status) -> list[Row]:
    paths = [shown_path(output.path) for output in status.outputs]
    width = max(map(len, paths), default=0)
    sizes = [f"{words.counted(output.records, 'record')}, {words.size(output.size)}" for output in status.outputs]
    rows = zip(paths, sizes, strict=True)
    return [("" if number else "files", path.ljust(width), size) for number, (path, size) in enumerate(rows)]


def _next(status: Status, *, goes_on: bool) -> list[Row]:
    wanted = _while_it_goes_on(status) if goes_on else _steps(status)
    steps = [("" if number else "next", *step) for number, step in enumerate(wanted)]
    return [("", "", ""), *steps] if steps else []


def _while_it_goes_on(status: Status) -> list[tuple[str, str]]:
    job = words.short(status.job_id)
    return [
        (f"synthmill status {job} --watch", "follow it"),
        (f"synthmill logs {job}", "what happened, in order"),
        (f"synthmill cancel {job}", "stop it; what it has stays"),
    ]


def _steps(status: Status) -> list[tuple[str, str]]:
    job = words.short(status.job_id)
    if status.state is JobState.COMPLETED:
        jsonl = [shown_path(output.path) for output in status.outputs if output.format == "jsonl"]
        return [(f"head -n 3 {jsonl[0]}", "look at some")] if jsonl else []
    steps: list[tuple[str, str]] = []
    still_open = status.requested - status.accepted - status.parked
    if still_open or not status.requested:
        what = f"tries the {words.counted(still_open, 'open slot')} only" if still_open else "goes on with the input"
        steps.append((f"synthmill resume {job}", what))
    steps.append((f"synthmill logs {job}", "what happened, in order"))
    if status.rejects_by_class:
        steps.append((f"synthmill logs {job} --rejects", "every rejected try and why"))
    if status.state is JobState.FAILED:
        steps.append(("synthmill preview RECIPE", "after a change to the recipe: see a few first"))
    return steps


def shown_path(path: str) -> str:
    """Relative to where we are if it lies below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
