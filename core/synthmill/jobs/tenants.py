"""Which tenants have jobs here: noted when a job is staged, asked by whoever looks after all of them."""

from synthmill.ports.records import Collection, Place, RecordStore, Write, WriteMode

_PLACE = Place("_tenants", Collection.REPORTS)  # of no tenant: a tenant's name begins with a letter


def tenant_note(tenant: str) -> Write:
    """The write that makes a tenant known; doing it again changes nothing."""
    return Write(_PLACE, tenant, {"version": 1, "for_tenant": tenant}, WriteMode.CREATE)


async def known_tenants(store: RecordStore) -> list[str]:
    """Every tenant that ever staged a job."""
    await store.visible(_PLACE)
    return [stored.id async for stored in store.scan(_PLACE)]
