"""Carries releases to their end whose process died: the version's number is given, so nobody else can go on before."""

from synthmill.jobs.lease import new_owner
from synthmill.jobs.release.documents import versions_of
from synthmill.jobs.release.run import carry_out
from synthmill.jobs.release.turn import take_turn
from synthmill.jobs.tenants import known_tenants
from synthmill.ports.records import Range
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.dataset import DatasetDocument


async def finish_abandoned(services: Services, *, dry_run: bool = False) -> int:
    """Ends every release whose turn is over; answers how many there were."""
    finished = 0
    for tenant in await known_tenants(services.store):
        place = versions_of(tenant)
        await services.store.visible(place)
        async for stored in services.store.scan(place, {"kind": "dataset", "releasing.number": Range(low=1)}):
            dataset = DatasetDocument.model_validate(stored.document)
            if dataset.releasing is not None and dataset.releasing.expires_at <= now():
                finished += dry_run or await _finish(services, dataset)
    return finished


async def _finish(services: Services, dataset: DatasetDocument) -> bool:
    """False when somebody else did meanwhile."""
    assert dataset.releasing is not None
    job_id = dataset.releasing.job_id
    turn = await take_turn(services, dataset.tenant, dataset.dataset, job_id, new_owner(), _nothing_of_our_own)
    if turn is None:
        return False
    await carry_out(turn, by="reconcile")
    return True


async def _nothing_of_our_own() -> bool:
    return False
