"""Which pages of other origins may call: those of the settings, with a key in a header and never with cookies."""

from collections.abc import Sequence
from typing import Any

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_SENT = ["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "traceparent"]
_TUS = ["Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum"]
_READ = ["Location", "Content-Disposition", "Content-Location", "Retry-After", "WWW-Authenticate", "ETag"]
_RATE = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]
_PREFLIGHT_SECONDS = 600


def cors_rules(origins: Sequence[str]) -> dict[str, Any]:
    """What Starlette's middleware is told."""
    return {
        "allow_origins": list(origins),
        "allow_credentials": False,
        "allow_methods": _METHODS,
        "allow_headers": [*_SENT, *_TUS, "Range", "If-Range"],
        "expose_headers": [*_READ, *_RATE, *_TUS, "Upload-Expires", "Tus-Version", "Content-Range", "Accept-Ranges"],
        "max_age": _PREFLIGHT_SECONDS,
    }
