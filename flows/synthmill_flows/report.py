"""What a run leaves for people at its end: the funnel with the rejects by class, and a report, as Prefect artifacts."""

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from synthmill.jobs.status import Status
from synthmill_flows.display import attempt
from synthmill_flows.progress import artifact_key

Row = dict[str, str | int]


async def publish_report(status: Status) -> None:
    """Both artifacts are kept per dataset, so that its runs can be compared."""
    table = acreate_table_artifact(
        funnel(status),
        key=artifact_key("funnel", status.dataset),
        description=f"job {status.job_id}: from N to accepted records, and what was rejected",
    )
    card = acreate_markdown_artifact(
        report(status),
        key=artifact_key("report", status.dataset),
        description=f"job {status.job_id}: {status.state}",
    )
    await attempt(table, "the funnel")
    await attempt(card, "the report")


def funnel(status: Status) -> list[Row]:
    """One row per step and per reject class; requested = accepted + exhausted + parked + pending."""
    steps = {
        "requested": status.requested,
        "tried": status.candidates,
        "accepted": status.accepted,
        "exhausted": status.exhausted,
        "parked": status.parked,
        "pending": status.pending,
    }
    rejected = {f"rejected: {name}": count for name, count in status.rejects_by_class.items()}
    return [{"what": what, "count": count} for what, count in {**steps, **rejected}.items()]


def report(status: Status) -> str:
    """Markdown: how it ended, what it took, where the files are."""
    lines = [
        f"# {status.dataset}: {status.accepted} of {status.requested} records",
        "",
        f"Job `{status.job_id}` is **{status.state}**" + (f": {status.reason}" if status.reason else "."),
        "",
        f"- accepted {status.accepted}, exhausted {status.exhausted}, parked {status.parked}, pending {status.pending}",
        f"- {status.candidates} candidates in {_count(status.round, 'round')}, {status.llm_calls} model calls",
        f"- {status.tokens.prompt} prompt and {status.tokens.completion} completion tokens, {_cost(status)}",
        f"- {status.seconds:.1f} seconds",
    ]
    if status.outputs:
        lines += ["", "| file | records | bytes |", "|---|---|---|"]
        lines += [f"| `{output.path}` | {output.records} | {output.size} |" for output in status.outputs]
    return "\n".join(lines)


def _cost(status: Status) -> str:
    return "cost not known" if status.cost_usd is None else f"{status.cost_usd:.4f} USD"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
