"""`/v1/quotes`: what a dataset would take, told by making a few of its records."""

from typing import Annotated

from fastapi import Path, Response

from synthmill_api.auth.guard import Body, Work, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ConfigHere, QuotasHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.jobs.endpoints import IdempotencyKeyHere
from synthmill_api.jobs.service import Creation
from synthmill_api.quotes import service
from synthmill_api.quotes.views import Quote, QuoteRequest

router = guarded_router("quotes")

QuoteIdHere = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


@router.post(
    "/quotes",
    operation_id="create_quote",
    status_code=202,
    **guarded(
        Scope.JOBS_WRITE,
        Code.NOT_FOUND,
        Code.IDEMPOTENCY_KEY_REUSED,
        Code.SOURCE_GONE,
        Code.RECIPE_INVALID,
        Code.INPUT_UNUSABLE,
        Code.PRICE_UNKNOWN,
        Code.BROKER_UNAVAILABLE,
        Code.OBJECT_STORE_UNAVAILABLE,
        Code.STORAGE_FULL,
        body=Body.JSON,
        work=Work.NEW_JOB,
    ),
)
async def create_quote(
    response: Response,
    services: ServicesHere,
    config: ConfigHere,
    caller: CallerHere,
    quotas: QuotasHere,
    request: QuoteRequest,
    idempotency_key: IdempotencyKeyHere = None,
) -> Quote:
    """Have a few slots of a dataset made, to learn what the whole would take. They are paid, and never part of it."""
    creation = Creation(caller, request.order(), idempotency_key, await quotas.left(caller.tenant), sent=request)
    document, report = await service.create(services, config, creation, request.slots)
    response.headers["Location"] = f"/v1/quotes/{document.job_id}"
    return Quote.of(document, report)


@router.get("/quotes/{quote_id}", operation_id="get_quote", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def get_quote(services: ServicesHere, caller: CallerHere, quote_id: QuoteIdHere) -> Quote:
    """Tell where a quote stands, and what the whole would take: tokens, cost, time, acceptance, each with a range."""
    return Quote.of(*await service.get(services, caller.tenant, quote_id))
