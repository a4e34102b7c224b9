"""A source as it is stored."""

import hashlib
from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill.inputs.detect import SourceKind
from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, Name, Sha256, now


class SourceDocument(Contract):
    """An uploaded file; `_id` is `source_id`."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    source_id: str
    name: str
    kind: SourceKind
    sha256: Sha256
    size: Count = Field(description="bytes")
    object_key: str = Field(description="tmp/sources/<upload>/data")
    created_at: datetime = Field(default_factory=now)


def source_id(tenant: str, sha256: str) -> str:
    """The id of a tenant's content: the same bytes are the same source."""
    return "src_" + hashlib.sha256(f"{tenant}\n{sha256}".encode()).hexdigest()[:32]
