"""Tells Prefect that a new file was uploaded, so that a recurring run can begin with it instead of by the clock."""

import logging
from uuid import UUID, uuid5

from synthmill.errors import SynthmillError
from synthmill.runs.prefect import prefect_rest
from synthmill.settings import PrefectSettings
from synthmill_schemas.base import now

UPLOADED = "synthmill.source.uploaded"

_NAMESPACE = UUID("d5b0a0f5-6a0e-5f0f-8a0b-0b7b1c8e3a51")

logger = logging.getLogger(__name__)


async def tell_upload(settings: PrefectSettings, tenant: str, name: str, source_id: str) -> None:
    """An event about `synthmill.source.TENANT.NAME`; never raises for Prefect's sake, a server that is away misses it.

    `source_id` is the content's: the same content is told once.
    """
    if settings.url is None:
        return
    event = {
        "id": str(uuid5(_NAMESPACE, f"{tenant}\n{source_id}")),
        "occurred": now().isoformat(),
        "event": UPLOADED,
        "resource": {"prefect.resource.id": f"synthmill.source.{tenant}.{name}", "prefect.resource.name": name},
        "related": [{"prefect.resource.id": "prefect.tag.synthmill", "prefect.resource.role": "tag"}],
        "payload": {"tenant": tenant, "name": name, "source_id": source_id},
    }
    try:
        async with prefect_rest(settings) as prefect:
            await prefect.tell_event(event)
    except SynthmillError as error:
        logger.warning("Prefect does not learn of upload %s: %s", source_id, error)
