"""What the API notes in a job document's labels: the client's own, and which request made the job."""

from collections.abc import Mapping

from synthmill.errors import UserError
from synthmill.field_paths import checked_path
from synthmill_schemas.base import JsonObject
from synthmill_schemas.job import JobDocument

_CLIENT = "client"
_CLIENT_PATH = f"labels.{_CLIENT}"
_REQUEST = "request"


def noted(labels: Mapping[str, str], request_hash: str, key: str) -> JsonObject:
    """The labels of a new job."""
    return {_CLIENT: dict(labels), _REQUEST: {"hash": request_hash, "key": key}}


def label_path(name: str) -> str:
    """Where documents hold a label; `UserError` for a name that cannot be asked for."""
    if "." in name:
        raise UserError(f"{name!r} would be taken for a path")
    return checked_path(f"{_CLIENT_PATH}.{name}")


def labels_of(document: JobDocument) -> dict[str, str]:
    """The client's own labels."""
    own: dict[str, str] = document.labels.get(_CLIENT, {})
    return own


def request_hash_of(document: JobDocument) -> str | None:
    """Of the request that made the job; None when none did."""
    request: dict[str, str] = document.labels.get(_REQUEST, {})
    return request.get("hash")
