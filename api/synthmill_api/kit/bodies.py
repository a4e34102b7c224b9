"""Bodies of bounded size, refused as soon as they are known to be too large."""

from dataclasses import dataclass

from fastapi import HTTPException
from starlette.requests import Request
from starlette.types import Message

_TOO_LARGE = 413


@dataclass(slots=True)
class Bound:
    """How much of a body is taken, what is raised when more comes, and how much came."""

    limit: int
    beyond: Exception
    received: int = 0

    def applied(self, request: Request) -> Request:
        """The same request, whose body ends in that exception behind the limit."""
        announced = request.headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self.limit:
            raise self.beyond

        async def receive() -> Message:
            message = await request.receive()
            self.received += len(message.get("body", b""))
            if self.received > self.limit:
                raise self.beyond
            return message

        return Request(request.scope, receive)


def bound(limit: int) -> Bound:
    """A 413 for what is larger."""
    # FastAPI, reading a body, lets no other exception pass as it is
    return Bound(limit, HTTPException(_TOO_LARGE, f"a body may have {limit} bytes here"))
