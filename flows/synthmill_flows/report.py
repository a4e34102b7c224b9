"""What a run leaves for people at its end, as Prefect artifacts: the funnel with the rejects by class, a report with
links, and a picture of throughput and cost.

They are made by the client and not by Prefect's helpers, which find the run only from inside of it: the hook of a
cancelled run leaves them as well.
"""

import json
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from synthmill.jobs.judging import Judgement
from synthmill.jobs.status import Status
from synthmill.services import Services
from synthmill_flows.display import attempt
from synthmill_flows.gate.show import gate_markdown, gate_rows
from synthmill_flows.identity import Run
from synthmill_flows.plot import picture, points_of
from synthmill_flows.progress import artifact_key
from synthmill_schemas.base import JsonObject

Row = dict[str, str | int]


async def publish_report(services: Services, run: Run, status: Status, judged: Judgement | None = None) -> None:
    """Funnel, report, picture and the gate's findings are kept per dataset, so that its runs can be compared."""
    told = f"job {status.job_id}: {status.state}"
    links = links_of(services, status)
    drawn = picture(await points_of(services.store, run.tenant, status))
    shown = [
        ("funnel", "table", json.dumps(funnel(status))),
        ("report", "markdown", report(status, links, judged)),
        ("throughput", "image", drawn),
    ]
    if judged is not None and judged.gate is not None:
        shown.append(("gate", "table", json.dumps(gate_rows(judged.gate))))
        shown.append(("quality", "markdown", gate_markdown(judged.gate)))
    for kind, type_, data in shown:
        made = _create(run, artifact_key(kind, status.dataset), type_, data, told)
        await attempt(made, f"the {kind}")


async def _create(run: Run, key: str, type_: str, data: str, told: str) -> None:
    async with get_client() as client:
        await client.create_artifact(
            ArtifactCreate(key=key, type=type_, data=data, description=told, flow_run_id=UUID(run.flow_run_id))
        )


def links_of(services: Services, status: Status) -> JsonObject:
    """Where a person finds the records, by name; empty when the settings do not say where the API is."""
    if services.settings.api_url is None:
        return {}
    base = f"{str(services.settings.api_url).rstrip('/')}/v1/jobs/{status.job_id}"
    return {"job": base, **{what: f"{base}/{what}" for what in ("records", "rejects", "gate/page")}}


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


def report(status: Status, links: JsonObject | None = None, judged: Judgement | None = None) -> str:
    """Markdown: how it ended, what it took, where the records and files are."""
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
    if judged is not None:
        lines += _judged(judged)
    if links:
        lines.append("- " + ", ".join(f"[{name}]({url})" for name, url in links.items()))
    if status.outputs:
        lines += ["", "| file | records | bytes |", "|---|---|---|"]
        lines += [f"| `{output.path}` | {output.records} | {output.size} |" for output in status.outputs]
    return "\n".join(lines)


def _judged(judged: Judgement) -> list[str]:
    lines = []
    if judged.gate is not None:
        lines.append(f"- the gate: {judged.gate.verdict.replace('_', ' ')}, {judged.gate.reason or 'nothing to say'}")
    if judged.release is not None:
        made = judged.release
        lines.append(f"- version {made.version} of the dataset, {made.outcome}: {made.records} records")
    return lines


def _cost(status: Status) -> str:
    return "cost not known" if status.cost_usd is None else f"{status.cost_usd:.4f} USD"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
