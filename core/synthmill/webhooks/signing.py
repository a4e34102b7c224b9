"""Signatures as the Standard Webhooks specification has them, so that its libraries can check ours.

Signed is `id.timestamp.body`. The receiver refuses old timestamps, so that nobody can play a message to it again.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 in base64."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def headers(texts: Iterable[str], id_: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """What a request carries; a signature for each secret that is good now."""
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(text, id_, timestamp, body) for text in texts),
    }
