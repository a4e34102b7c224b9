"""`/v1/quotas`: the caller's own limits, and what is used of them."""

from synthmill_api.auth.guard import guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, QuotasHere, ServicesHere
from synthmill_api.quotas import use
from synthmill_api.quotas.views import Quotas, Use

router = guarded_router("quotas")


@router.get("/quotas", operation_id="get_quotas", **guarded(Scope.QUOTAS_READ))
async def get_quotas(services: ServicesHere, caller: CallerHere, quotas: QuotasHere) -> Quotas:
    """See what the tenant may use and what it has used; the request rate stands in the headers of every answer."""
    store, tenant = services.store, caller.tenant
    spent = await use.spent(store, tenant)
    used = Use(
        upload_bytes_today=await use.received_today(store, tenant),
        upload_bytes_this_month=await use.received_this_month(store, tenant),
        running_jobs=await use.running_jobs(store, tenant),
        tokens_this_month=spent.tokens,
        usd_this_month=spent.usd,
    )
    return Quotas(tenant=tenant, limits=await quotas.limits(tenant), use=used)
