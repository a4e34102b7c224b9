"""`/v1/dead-letters`: messages that nobody could work on, replayed or dropped."""

from typing import Annotated, Literal

from fastapi import Path, Query

from synthmill.dead_letters.letters import Which, page_of
from synthmill_api.auth.guard import Work, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dead_letters import service
from synthmill_api.dead_letters.views import DeadLetter, Decision, WholeDeadLetter
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass

router = guarded_router("dead letters")

LetterId = Annotated[str, Path(pattern=r"^dead-[A-Za-z0-9._:-]{1,250}$", description="e.g. dead-generation-5f1c…-1-0")]
_OF_JOB = Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="those of this job")


@router.get("/dead-letters", operation_id="list_dead_letters", **guarded(Scope.JOBS_READ))
async def list_dead_letters(
    services: ServicesHere,
    caller: CallerHere,
    paging: PagingHere,
    job_id: Annotated[str | None, _OF_JOB] = None,
    queue: Annotated[Literal["jobs", "generation", "exports"] | None, Query()] = None,
    reject_class: Annotated[RejectClass | None, Query()] = None,
    state: Annotated[LetterState | None, Query()] = None,
) -> Listing[DeadLetter]:
    """List messages that nobody could work on, the newest first."""
    which = Which(job_id, queue, reject_class, state)
    page = await page_of(services.store, caller.tenant, which, limit=paging.limit, cursor=paging.cursor)
    items = [DeadLetter.of(DeadLetterDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/dead-letters/{letter_id}", operation_id="get_dead_letter", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def get_dead_letter(services: ServicesHere, caller: CallerHere, letter_id: LetterId) -> WholeDeadLetter:
    """Look at one with its evidence and its body."""
    return WholeDeadLetter.of(await service.get(services, caller.tenant, letter_id))


@router.post(
    "/dead-letters/{letter_id}/replay",
    operation_id="replay_dead_letter",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, Code.JOB_STATE, Code.BROKER_UNAVAILABLE, work=Work.MORE),
)
async def replay_dead_letter(services: ServicesHere, caller: CallerHere, letter_id: LetterId) -> Decision:
    """Give its work to the services again; parked slots are tried in a round of their own. Again: nothing happens."""
    return Decision.of(await service.replay(services, caller, letter_id))


@router.delete(
    "/dead-letters/{letter_id}",
    operation_id="drop_dead_letter",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND),
)
async def drop_dead_letter(services: ServicesHere, caller: CallerHere, letter_id: LetterId) -> Decision:
    """Leave it for good; its record stays, marked dropped."""
    return Decision.of(await service.drop(services, caller, letter_id))
