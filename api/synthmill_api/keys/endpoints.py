"""`/v1/keys`: make, list, rotate and revoke the keys of the caller's tenant."""

from typing import Annotated

from fastapi import Path, Response

from synthmill_api.auth.guard import Body, guarded, guarded_router
from synthmill_api.auth.keys import KeyDocument
from synthmill_api.auth.scopes import Scope
from synthmill_api.dependencies import CallerHere, KeysHere
from synthmill_api.errors import Code
from synthmill_api.keys import service
from synthmill_api.keys.views import Key, KeyRequest, NewKey, RotationRequest
from synthmill_api.kit.pages import Listing, PagingHere

router = guarded_router("keys")

Prefix = Annotated[str, Path(pattern=r"^smk_[0-9a-f]{16}$", description="the part of the key before the dot")]


@router.post("/keys", operation_id="create_key", status_code=201, **guarded(Scope.KEYS_WRITE, body=Body.JSON))
async def create_key(response: Response, keys: KeysHere, caller: CallerHere, request: KeyRequest) -> NewKey:
    """Make a key of this tenant; its text is in this answer and nowhere else."""
    text, document = await service.create(keys, caller, request)
    response.headers["Location"] = f"/v1/keys/{document.prefix}"
    return NewKey.made(document, text)


@router.get("/keys", operation_id="list_keys", **guarded(Scope.KEYS_READ))
async def list_keys(keys: KeysHere, caller: CallerHere, paging: PagingHere) -> Listing[Key]:
    """List keys, the newest first, those that have ended too."""
    page = await keys.page(caller.tenant, paging.limit, paging.cursor)
    items = [Key.of(KeyDocument.model_validate(hit.document)) for hit in page.hits]
    return Listing(items=items, total=page.total, cursor=page.cursor)


@router.get("/keys/{prefix}", operation_id="get_key", **guarded(Scope.KEYS_READ, Code.NOT_FOUND))
async def get_key(keys: KeysHere, caller: CallerHere, prefix: Prefix) -> Key:
    """Look at a key."""
    return Key.of(await service.get(keys, caller.tenant, prefix))


@router.post(
    "/keys/{prefix}/rotate",
    operation_id="rotate_key",
    status_code=201,
    **guarded(Scope.KEYS_WRITE, Code.NOT_FOUND, Code.KEY_ENDED, body=Body.JSON),
)
async def rotate_key(
    response: Response, keys: KeysHere, caller: CallerHere, prefix: Prefix, request: RotationRequest
) -> NewKey:
    """Make a new key with the rights of this one, which opens for a while longer."""
    text, document = await service.rotate(keys, caller, prefix, request)
    response.headers["Location"] = f"/v1/keys/{document.prefix}"
    return NewKey.made(document, text)


@router.post("/keys/{prefix}/revoke", operation_id="revoke_key", **guarded(Scope.KEYS_WRITE, Code.NOT_FOUND))
async def revoke_key(keys: KeysHere, caller: CallerHere, prefix: Prefix) -> Key:
    """Revoke a key for good: it opens nothing and stays in the list.

    Every process of the API heeds it within five seconds, this one at once.
    """
    return Key.of(await service.revoke(keys, caller.tenant, prefix))
