"""Bodies of bounded size, refused as soon as they are known to be too large."""

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import Message

_TOO_LARGE = 413


def limited(request: Request, limit: int) -> Request:
    """The same request, whose body ends in a refusal behind `limit` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return Request(request.scope, receive)


def _too_large(limit: int) -> HTTPException:
    # FastAPI, reading a body, lets no other exception pass as it is
    return HTTPException(_TOO_LARGE, f"a body may have {limit} bytes here")
