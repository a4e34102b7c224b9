"""Makes, rotates and revokes keys of the caller's tenant, never with rights that the caller lacks."""

from datetime import timedelta

from synthmill_api.auth.keys import KeyDocument, KeyEnded, KeyRing
from synthmill_api.auth.scopes import Caller, Grant
from synthmill_api.errors import Code, Refused
from synthmill_api.keys.views import KeyRequest, RotationRequest


async def create(keys: KeyRing, caller: Caller, request: KeyRequest) -> tuple[str, KeyDocument]:
    """A new key; a 403 for rights that are not the caller's to give."""
    _require(caller, request.grant)
    return await keys.create(caller.tenant, request.grant, name=request.name, days=request.days, by=caller.key)


async def get(keys: KeyRing, tenant: str, prefix: str) -> KeyDocument:
    """The key, or a 404."""
    found = await keys.find(prefix, tenant)
    if found is None:
        raise Refused(Code.NOT_FOUND, f"there is no key {prefix}")
    return found


async def rotate(keys: KeyRing, caller: Caller, prefix: str, request: RotationRequest) -> tuple[str, KeyDocument]:
    """A new key for that one; a 409 when it has ended, a 403 when it may do more than the caller."""
    _require(caller, (await get(keys, caller.tenant, prefix)).grant)
    overlap = timedelta(hours=request.overlap_hours)
    try:
        text, new, _ = await keys.rotate(prefix, overlap, days=request.days, by=caller.key)
    except KeyEnded as error:
        raise Refused(Code.KEY_ENDED, str(error)) from error
    return text, new


async def revoke(keys: KeyRing, tenant: str, prefix: str) -> KeyDocument:
    """The key, which opens nothing any more."""
    await get(keys, tenant, prefix)
    return await keys.revoke(prefix)


def _require(caller: Caller, grant: Grant) -> None:
    lacking = sorted(grant.all - caller.scopes)
    if lacking:
        raise Refused(Code.FORBIDDEN, f"key {caller.key} cannot give what it lacks: {', '.join(lacking)}")
