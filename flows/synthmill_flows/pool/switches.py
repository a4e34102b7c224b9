"""Schedules and triggers that somebody switched on or off stay so when the deployments are applied again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse

_OURS = DeploymentFilter(tags=DeploymentFilterTags(all_=["synthmill"]))

Switches = dict[tuple[str, str], bool]
"""Whether a schedule is active, by its deployment's id and its slug."""


@asynccontextmanager
async def triggers_kept(client: PrefectClient) -> AsyncIterator[None]:
    """`prefect deploy` makes a deployment's own automations anew; those of a name are enabled as they were before."""
    before = {found.name: found.enabled for found in await client.read_automations()}
    yield
    for found in await client.read_automations():
        wanted = before.get(found.name, found.enabled)
        if found.enabled != wanted:
            await (client.resume_automation(found.id) if wanted else client.pause_automation(found.id))


@asynccontextmanager
async def schedules_kept(client: PrefectClient) -> AsyncIterator[None]:
    """`prefect deploy` sets each as the file says; afterwards they are again as they were before."""
    before = switches(await client.read_deployments(deployment_filter=_OURS))
    yield
    for deployment in await client.read_deployments(deployment_filter=_OURS):
        for schedule in deployment.schedules:
            wanted = before.get((str(deployment.id), schedule.slug or ""), schedule.active)
            if schedule.active != wanted:
                await client.update_deployment_schedule(deployment.id, schedule.id, active=wanted)


def switches(deployments: list[DeploymentResponse]) -> Switches:
    """As they stand; only schedules with a slug can be told apart."""
    return {
        (str(deployment.id), schedule.slug): schedule.active
        for deployment in deployments
        for schedule in deployment.schedules
        if schedule.slug
    }
