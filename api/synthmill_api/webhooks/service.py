"""Makes and changes webhooks for the API; what is sent to them is core's."""

from synthmill.ports.records import Query, Where
from synthmill.services import Services
from synthmill.versioned import Changes, Versioned
from synthmill.webhooks import registry
from synthmill.webhooks.addresses import AddressRefused, target
from synthmill.webhooks.announce import created, test_message
from synthmill.webhooks.delivery import send_again
from synthmill.webhooks.documents import DeliveryDocument, DeliveryState, WebhookDocument, WebhookState
from synthmill_api.errors import Code, FaultItem, Refused
from synthmill_api.jobs import service as job_service
from synthmill_api.kit.pages import Listing, Paging
from synthmill_api.webhooks.views import Delivery, WebhookChange, WebhookRequest


async def register(services: Services, tenant: str, wanted: WebhookRequest) -> WebhookDocument:
    """A new webhook; refused when its address may not be reached, a 404 for a job that is not there."""
    if wanted.job_id is not None:
        await job_service.get(services, tenant, wanted.job_id)
    await _require_reachable(services, wanted.url)
    try:
        return await registry.register(
            services.store,
            tenant,
            wanted.url,
            job_id=wanted.job_id,
            states=wanted.states,
            description=wanted.description,
        )
    except registry.TooManyWebhooks as error:
        raise Refused(Code.TOO_MANY_WEBHOOKS, str(error)) from error


async def get(services: Services, tenant: str, webhook_id: str) -> WebhookDocument:
    """The webhook, or a 404."""
    try:
        return (await registry.get_webhook(services.store, tenant, webhook_id)).document
    except registry.WebhookMissing as error:
        raise Refused(Code.NOT_FOUND, str(error)) from error


async def page(services: Services, tenant: str, paging: Paging) -> Listing[WebhookDocument]:
    """A page of webhooks, the newest first."""
    query = Query({"kind": "webhook"}, limit=paging.limit, cursor=paging.cursor)
    found = await registry.deliveries(services.store, tenant, query)
    items = [WebhookDocument.model_validate(hit.document) for hit in found.hits]
    return Listing(items=items, total=found.total, cursor=found.cursor)


async def change(services: Services, tenant: str, webhook_id: str, wanted: WebhookChange) -> WebhookDocument:
    """The webhook as it is then."""
    await get(services, tenant, webhook_id)
    if wanted.url is not None:
        await _require_reachable(services, wanted.url)
    plain = wanted.model_dump(include={"url", "description", "states"}, exclude_none=True)

    def decide(current: WebhookDocument) -> Changes:
        match wanted.enabled:
            case None:
                return plain
            case True:
                return {**plain, **registry.enabled(current)}
            case False:
                return {**plain, "state": WebhookState.DISABLED, "reason": "disabled through the API"}

    return await registry.change_webhook(services.store, tenant, webhook_id, decide)


async def new_secret(services: Services, tenant: str, webhook_id: str) -> WebhookDocument:
    """The webhook with a new secret first."""
    await get(services, tenant, webhook_id)
    return await registry.new_secret_of(services.store, tenant, webhook_id)


async def unregister(services: Services, tenant: str, webhook_id: str) -> None:
    """Deletes webhook and messages."""
    await get(services, tenant, webhook_id)
    await registry.unregister(services.store, tenant, webhook_id)


async def test(services: Services, tenant: str, webhook_id: str) -> DeliveryDocument:
    """A message that says nothing, on its way."""
    message = test_message(await get(services, tenant, webhook_id))
    await services.store.bulk([created(message)])
    return message


async def deliveries(
    services: Services, tenant: str, webhook_id: str, state: DeliveryState | None, paging: Paging
) -> Listing[Delivery]:
    """A page of the webhook's messages, the newest first."""
    await get(services, tenant, webhook_id)
    where: Where = {"kind": "webhook_delivery", "report_id": webhook_id}
    if state is not None:
        where = {**where, "state": state.value}
    query = Query(where, sort="-at", limit=paging.limit, cursor=paging.cursor)
    found = await registry.deliveries(services.store, tenant, query)
    items = [Delivery.of(DeliveryDocument.model_validate(hit.document)) for hit in found.hits]
    return Listing(items=items, total=found.total, cursor=found.cursor)


async def resend(services: Services, tenant: str, webhook_id: str, delivery_id: str) -> DeliveryDocument:
    """The message, due now; a 404 when this webhook has none of that id."""
    await get(services, tenant, webhook_id)
    found: Versioned[DeliveryDocument] | None = await registry.get_delivery(
        services.store, tenant, webhook_id, delivery_id
    )
    if found is None:
        raise Refused(Code.NOT_FOUND, f"webhook {webhook_id} has no message {delivery_id}")
    return await send_again(services.store, found)


async def _require_reachable(services: Services, url: str) -> None:
    try:
        await target(url, services.settings.webhooks.networks)
    except AddressRefused as error:
        hint = "Give an https URL of a server in the open internet."
        item = FaultItem(path="body.url", message=str(error), hint=hint)
        raise Refused(Code.INVALID_REQUEST, f"no message can be sent to this URL: {error}", [item]) from error
