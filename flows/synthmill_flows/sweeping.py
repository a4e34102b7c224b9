"""The flow that repairs what is stuck and deletes what nobody needs, as the worker does now and then by itself."""

from dataclasses import asdict

from prefect import flow
from prefect.artifacts import acreate_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from synthmill.jobs.reconcile import reconcile
from synthmill.jobs.sweep import sweep as sweep_all
from synthmill_flows.current import run_services, services
from synthmill_flows.display import attempt
from synthmill_flows.parameters import SweepParameters
from synthmill_flows.patience import patient

Counts = dict[str, int]

_BY_DEFAULT = SweepParameters.model_validate({})


@patient
async def repair_jobs(dry_run: bool) -> Counts:
    """Sends again what is stuck or was never published, moves on what nobody watches, ends releases that were begun."""
    return dict(asdict(await reconcile(services(), dry_run=dry_run)))


@patient
async def delete_orphans(dry_run: bool) -> Counts:
    """Deletes orphaned temporary files and expired data."""
    return dict(asdict(await sweep_all(services(), dry_run=dry_run)))


@flow(name="sweep")
async def sweep(order: SweepParameters = _BY_DEFAULT) -> State[Counts]:
    """Repairs stuck and unpublished jobs and releases, deletes orphaned files and expired data. Harmless at any time.

    Args:
        order: What it may do.
    """
    async with run_services():
        counts = await repair_jobs(order.dry_run) | await delete_orphans(order.dry_run)
        rows = [{"what": what.replace("_", " "), "count": count} for what, count in counts.items()]
        told = "what a sweep would do" if order.dry_run else "what the sweep did"
        await attempt(acreate_table_artifact(rows, key="sweep", description=told), "what was swept")
    done = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in counts.items() if count)
    return Completed(message=done or "nothing to do", data=counts)
