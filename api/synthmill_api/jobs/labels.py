"""What the API notes in a job document's labels: the client's own, and which request made the job."""

from collections.abc import Mapping

from synthmill_schemas.base import JsonObject
from synthmill_schemas.job import JobDocument

_CLIENT = "client"
_REQUEST = "request"


def noted(labels: Mapping[str, str], request_hash: str, key: str) -> JsonObject:
    """The labels of a new job."""
    return {_CLIENT: dict(labels), _REQUEST: {"hash": request_hash, "key": key}}


def labels_of(document: JobDocument) -> dict[str, str]:
    """The client's own labels."""
    own: dict[str, str] = document.labels.get(_CLIENT, {})
    return own


def request_hash_of(document: JobDocument) -> str | None:
    """Of the request that made the job; None when none did."""
    request: dict[str, str] = document.labels.get(_REQUEST, {})
    return request.get("hash")
