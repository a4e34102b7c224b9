"""`/v1/webhooks`: who is told of changes of jobs, and what became of each message."""

from typing import Annotated

from fastapi import Path, Query, Response

from synthmill.webhooks.documents import DeliveryState
from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, ServicesHere
from synthmill_api.errors import Code
from synthmill_api.kit.pages import Listing, PagingHere
from synthmill_api.webhooks import service
from synthmill_api.webhooks.views import Delivery, NewSecret, Webhook, WebhookChange, WebhookRequest

router = guarded_router("webhooks")

WebhookId = Annotated[str, Path(pattern=r"^wh_[0-9a-f]{32}$", description="e.g. wh_5f1c…")]
DeliveryId = Annotated[str, Path(pattern=r"^msg_[0-9a-f]{32}$", description="e.g. msg_0d9c…")]


@router.post(
    "/webhooks",
    operation_id="create_webhook",
    status_code=201,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, Code.TOO_MANY_WEBHOOKS, body=Body.JSON),
)
async def create_webhook(
    response: Response, services: ServicesHere, caller: CallerHere, request: WebhookRequest
) -> NewSecret:
    """Have an address told of changes of jobs; the answer holds the secret, which is not shown again."""
    document = await service.register(services, caller.tenant, request)
    response.headers["Location"] = f"/v1/webhooks/{document.webhook_id}"
    return NewSecret.of(document)


@router.get("/webhooks", operation_id="list_webhooks", **guarded(Scope.JOBS_READ))
async def list_webhooks(services: ServicesHere, caller: CallerHere, paging: PagingHere) -> Listing[Webhook]:
    """List webhooks."""
    page = await service.page(services, caller.tenant, paging)
    return Listing(items=[Webhook.of(item) for item in page.items], total=page.total, cursor=page.cursor)


@router.get("/webhooks/{webhook_id}", operation_id="get_webhook", **guarded(Scope.JOBS_READ, Code.NOT_FOUND))
async def get_webhook(services: ServicesHere, caller: CallerHere, webhook_id: WebhookId) -> Webhook:
    """Look at a webhook."""
    return Webhook.of(await service.get(services, caller.tenant, webhook_id))


@router.patch(
    "/webhooks/{webhook_id}",
    operation_id="change_webhook",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND, body=Body.JSON),
)
async def change_webhook(
    services: ServicesHere, caller: CallerHere, webhook_id: WebhookId, request: WebhookChange
) -> Webhook:
    """Change a webhook, or enable it again after it was disabled because nothing was taken for long."""
    return Webhook.of(await service.change(services, caller.tenant, webhook_id, request))


@router.delete(
    "/webhooks/{webhook_id}",
    operation_id="delete_webhook",
    status_code=204,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND),
)
async def delete_webhook(services: ServicesHere, caller: CallerHere, webhook_id: WebhookId) -> None:
    """Delete a webhook and its messages."""
    await service.unregister(services, caller.tenant, webhook_id)


@router.post(
    "/webhooks/{webhook_id}/secret",
    operation_id="renew_webhook_secret",
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND),
)
async def renew_webhook_secret(services: ServicesHere, caller: CallerHere, webhook_id: WebhookId) -> NewSecret:
    """Make a new secret; for a day messages carry signatures of both, the new one first."""
    return NewSecret.of(await service.new_secret(services, caller.tenant, webhook_id))


@router.post(
    "/webhooks/{webhook_id}/test",
    operation_id="test_webhook",
    status_code=202,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND),
)
async def test_webhook(services: ServicesHere, caller: CallerHere, webhook_id: WebhookId) -> Delivery:
    """Have a message of type `webhook.test` sent."""
    return Delivery.of(await service.test(services, caller.tenant, webhook_id))


@router.get(
    "/webhooks/{webhook_id}/deliveries",
    operation_id="list_deliveries",
    **guarded(Scope.JOBS_READ, Code.NOT_FOUND),
)
async def list_deliveries(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: WebhookId,
    paging: PagingHere,
    state: Annotated[DeliveryState | None, Query(description="only those")] = None,
) -> Listing[Delivery]:
    """List messages, the one that is due last first; they are kept for a week after they were decided."""
    return await service.deliveries(services, caller.tenant, webhook_id, state, paging)


@router.post(
    "/webhooks/{webhook_id}/deliveries/{delivery_id}/resend",
    operation_id="resend_delivery",
    status_code=202,
    **guarded(Scope.JOBS_WRITE, Code.NOT_FOUND),
)
async def resend_delivery(
    services: ServicesHere, caller: CallerHere, webhook_id: WebhookId, delivery_id: DeliveryId
) -> Delivery:
    """Send a message again, under the same id, also one that was taken or given up."""
    return Delivery.of(await service.resend(services, caller.tenant, webhook_id, delivery_id))
