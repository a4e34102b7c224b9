"""Job ids as people type them: the whole id, or its first characters if only one job begins so."""

from synthmill.cli.environment import has_jobs
from synthmill.errors import JobMissing, UserError
from synthmill.jobs.documents import find_job, jobs_of
from synthmill.services import Services
from synthmill.settings import Settings

_SHORTEST = 4
_SHOWN = 5


async def full_job_id(services: Services, tenant: str, given: str) -> str:
    """The id of the one job that is meant; `JobMissing` when there is none, `UserError` when there are several."""
    if await find_job(services.store, tenant, given) is not None:
        return given
    if len(given) < _SHORTEST:
        raise UserError(f"{given!r} is too short for a job id; give at least {_SHORTEST} characters")
    found = [stored.id async for stored in services.store.scan(jobs_of(tenant)) if stored.id.startswith(given)]
    match found:
        case [job_id]:
            return job_id
        case []:
            raise JobMissing(f"there is no job {given!r} here; `synthmill status` lists those there are")
        case _:
            shown = ", ".join(sorted(found)[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
            raise UserError(f"{len(found)} jobs begin with {given!r}: {shown}; give more of the id")


def require_jobs(settings: Settings) -> None:
    """Refuses to look for a job where there never was one, instead of creating an empty folder."""
    if not has_jobs(settings):
        raise JobMissing(
            f"there are no jobs here: the folder {settings.home} does not exist; SYNTHMILL_HOME names another"
        )
