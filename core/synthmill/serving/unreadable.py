"""The answer to bytes that are no HTTP request, or whose lines are longer than 64 KiB; uvicorn's own is plain text."""

from dataclasses import dataclass

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The body of a 400."""

    media_type: str
    body: bytes


def protocol(unreadable: Unreadable) -> type[H11Protocol]:
    """uvicorn's protocol with this answer; the connection ends with it."""

    class Protocol(H11Protocol):
        def send_400_response(self, msg: str) -> None:
            headers = [
                ("content-type", unreadable.media_type),
                ("content-length", str(len(unreadable.body))),
                ("connection", "close"),
            ]
            answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
            for event in (answer, h11.Data(data=unreadable.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

    return Protocol
