"""A tenant's limits: its own document where an operator gave it one, the settings' for whatever that leaves out."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode
from synthmill.versioned import Changes, Versioned, change, parsed, touched
from synthmill_schemas.base import Contract, JsonObject, Name, now

PLACE = Place("_tenants", Collection.KEYS)  # of no tenant: a tenant's name begins with a letter


class Limits(BaseModel):
    """Each is for the whole tenant; none: there is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_second: float | None = Field(None, gt=0, description="in the long run; of all API processes together")
    burst: int | None = Field(None, ge=1, description="requests that may come at once")
    upload_bytes_a_day: int | None = Field(None, ge=0, description="received in uploads, also of those that failed")
    upload_bytes_a_month: int | None = Field(None, ge=0)
    running_jobs: int | None = Field(None, ge=0, description="staged, published or planned at the same time")
    tokens_a_month: int | None = Field(None, ge=0, description="prompt and completion, of all calls")
    usd_a_month: float | None = Field(None, ge=0, description="what providers said that their calls cost")


class TenantDocument(Contract):
    """A tenant's own limits; `_id` is its name."""

    version: Literal[1] = 1
    for_tenant: Name
    limits: JsonObject = Field(default_factory=dict, description="only those of its own, as Limits has them")
    created_at: datetime = Field(default_factory=now)
    updated_at: datetime = Field(default_factory=now)


async def limits_of(store: RecordStore, tenant: str, defaults: Limits) -> Limits:
    """The tenant's own where it has them, else the defaults; one that is set to null has no limit."""
    stored = await store.get(PLACE, tenant)
    if stored is None:
        return defaults
    own = Limits.model_validate(TenantDocument.model_validate(stored.document).limits)
    return defaults.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})


async def set_limits(store: RecordStore, tenant: str, wanted: dict[str, Any], *, drop: set[str]) -> TenantDocument:
    """The tenant with these limits beside those it has; `drop` names limits that are the settings' again."""
    unknown = sorted((drop | set(wanted)) - set(Limits.model_fields))
    if unknown:
        raise UserError(f"{', '.join(unknown)} is no limit; there are {', '.join(Limits.model_fields)}")
    try:
        own = Limits.model_validate(wanted).model_dump(mode="json", include=set(wanted))
        new = TenantDocument(for_tenant=tenant)
    except ValidationError as error:
        raise UserError(f"no such limits: {error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
    await store.bulk([Write(PLACE, tenant, new.model_dump(mode="json"), WriteMode.CREATE)])

    async def read() -> Versioned[TenantDocument]:
        stored = await store.get(PLACE, tenant)
        assert stored is not None, "written above, and nobody deletes it"
        return parsed(TenantDocument, stored)

    def decide(found: TenantDocument) -> Changes | None:
        kept = {name: value for name, value in found.limits.items() if name not in drop}
        return touched({"limits": {**kept, **own}})

    return (await change(store, PLACE, tenant, read, decide)).document
