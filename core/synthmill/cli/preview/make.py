"""Runs a small job in a folder of its own and collects records, rejects and costs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from synthmill.cli import consoles
from synthmill.cli.conduct import first_of
from synthmill.cli.display import Display, open_display
from synthmill.cli.interrupts import Interrupted, Interrupts, listening
from synthmill.cli.look import last_warning
from synthmill.cli.recipe_file import of_size
from synthmill.errors import SynthmillError
from synthmill.jobs.documents import get_job
from synthmill.jobs.order import InputFile, JobOrder, new_job_id
from synthmill.jobs.status import Status, job_status
from synthmill.jobs.submit import submit
from synthmill.jobs.track import track
from synthmill.ports.records import Collection, Place
from synthmill.recipes import CompiledRecipe
from synthmill.services import Services, open_services
from synthmill.settings import Settings
from synthmill.supervisor import running_services
from synthmill_schemas.base import now
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.slot import SlotDocument


@dataclass(frozen=True, slots=True)
class Preview:
    """What a small job made. `full`: the N of the whole job; None when the input was not read to its end."""

    status: Status
    slots: Sequence[SlotDocument]
    rejects: Sequence[RejectDocument]
    full: int | None
    failure: SynthmillError | None


async def make(settings: Settings, compiled: CompiledRecipe, files: Sequence[InputFile], count: int) -> Preview:
    """At most `count` records; the settings' home is a folder that the caller removes."""
    wanted = min(count, compiled.recipe.target.records or count)
    job_id = new_job_id()
    order = JobOrder(settings.tenant, job_id, of_size(compiled.recipe, wanted), files)
    async with worked(settings, order) as (services, failure):
        return await _collected(services, order, compiled, failure)


@asynccontextmanager
async def worked(settings: Settings, order: JobOrder) -> AsyncIterator[tuple[Services, SynthmillError | None]]:
    """The services that a job has been submitted to and worked on by, shown meanwhile, and what broke it off."""
    failure: SynthmillError | None = None
    async with open_services(settings) as services, listening() as interrupts:
        await submit(services, order)
        with open_display(consoles.err()) as display:
            try:
                await _worked_on(services, order, display, interrupts)
            except SynthmillError as error:
                failure = error
        yield services, failure


async def _worked_on(services: Services, order: JobOrder, display: Display, interrupts: Interrupts) -> None:
    """Has the submitted job worked on by services of this process; returns when it rests."""
    settings, started = services.settings, now()
    gateway = order.recipe.request_model is not None and order.recipe.request_model.base_url is None

    async def tell(status: Status) -> None:
        display.show(status, await last_warning(services, order.tenant, status.job_id, started))

    display.note("starting the services")
    async with running_services(settings, gateway=gateway, log_folder=settings.home / "logs") as group:
        display.note(None)
        try:
            await first_of(track(services, order.tenant, order.job_id, tell), group.failed(), interrupts)
        except Interrupted:
            display.note("stopping")
            raise


async def _collected(
    services: Services, order: JobOrder, compiled: CompiledRecipe, failure: SynthmillError | None
) -> Preview:
    store, where = services.store, {"job_id": order.job_id}
    status = await job_status(store, order.tenant, order.job_id)
    slots = Place(order.tenant, Collection.SLOTS, status.dataset)
    rejects = Place(order.tenant, Collection.REJECTS)
    return Preview(
        status,
        [SlotDocument.model_validate(stored.document) async for stored in store.scan(slots, where, sort="slot")],
        [RejectDocument.model_validate(stored.document) async for stored in store.scan(rejects, where, sort="at")],
        await _full(services, order, compiled),
        failure,
    )


async def _full(services: Services, order: JobOrder, compiled: CompiledRecipe) -> int | None:
    """N of the whole job: what the recipe says, else as many as its input gives."""
    if compiled.recipe.target.records is not None:
        return compiled.recipe.target.records
    sources = (await get_job(services.store, order.tenant, order.job_id)).document.sources
    seeds = [source.seeds for source in sources]
    known = [number for number in seeds if number is not None]
    return sum(known) * compiled.recipe.seeds.records_per_seed if len(known) == len(seeds) and known else None
