"""Which object keys are usable, the same for every adapter: what a folder and an S3 bucket can both hold."""

from synthmill.errors import BadKey

MAX_KEY_BYTES = 1024
"""The limit of S3."""

MAX_SEGMENT_BYTES = 255
"""The limit of common file systems for one name."""


def checked_key(key: str) -> str:
    """The key itself, or `BadKey` with the reason."""
    fault = _fault(key)
    if fault is not None:
        raise BadKey(f"object key {key[:200]!r} {fault}")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix as a folder: without a `/` at its end; "" is the root. A prefix ends at a `/`, never in a name."""
    folder = prefix.removesuffix("/")
    return checked_key(folder) if folder else ""


def _fault(key: str) -> str | None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if size > MAX_KEY_BYTES:
        return f"is longer than {MAX_KEY_BYTES} bytes"
    if "\\" in key or any(ord(character) < 32 or ord(character) == 127 for character in key):
        return "holds a backslash or a control character"
    return next((fault for segment in key.split("/") if (fault := _segment_fault(segment))), None)


def _segment_fault(segment: str) -> str | None:
    if not segment:
        return "is empty, absolute or holds an empty segment"
    if segment in {".", ".."}:
        return "holds a relative segment"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"holds a segment longer than {MAX_SEGMENT_BYTES} bytes"
    return None
