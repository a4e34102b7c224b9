"""Server-sent events, as the HTML standard has them."""

MEDIA_TYPE = "text/event-stream"

HEARTBEAT = b": still here\n\n"
"""A comment; it keeps proxies from closing a silent connection, and shows that the client is gone."""


def retry(milliseconds: int) -> bytes:
    """After how long a client that lost the connection comes back."""
    return f"retry: {milliseconds}\n\n".encode()


def frame(event: str, data: str, id_: str | None = None) -> bytes:
    """One event. Without an id the client keeps that of the event before."""
    lines = [f"event: {event}", *(f"data: {line}" for line in data.split("\n"))]
    if id_ is not None:
        lines.insert(0, f"id: {id_}")
    return ("\n".join(lines) + "\n\n").encode()
