"""Documents on their way into an index and back: what is refused before it is sent, and the fields that we add."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthmill.ports.records import Document, Stored
from synthmill.stack.elastic.names import ADDED, DOC_ID, DOC_TENANT, Home

MAX_DOCUMENT_BYTES = 8 << 20
"""As in the embedded store; the server takes 100 MB a request."""

MAX_ID_BYTES = 512

_SEQUENCE_BITS = 48
"""A sequence number counts the writes to a shard, 48 bits last for centuries; the term counts its failovers."""


class Refused(Exception):
    """The document is never going to fit."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document as it lies in an index."""

    index: str
    key: str
    seq_no: int
    primary_term: int
    source: Document

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Hit":
        """From an answer to get or search."""
        return cls(found["_index"], found["_id"], found["_seq_no"], found["_primary_term"], found["_source"])

    @property
    def version(self) -> int:
        """The version as the port has it: one number that rises with every write."""
        return version_of(self.primary_term, self.seq_no)

    def stored(self, home: Home) -> Stored:
        """The document as it was given to us."""
        document = {name: value for name, value in self.source.items() if name not in ADDED}
        return Stored(home.id(self.key), document, self.version)


def version_of(primary_term: int, seq_no: int) -> int:
    """One number for both; a later write always has a higher one."""
    return primary_term << _SEQUENCE_BITS | seq_no


def addressed(home: Home, id_: str, document: Document) -> Document:
    """The document with its id and, where tenants share an index, its tenant."""
    whose = {DOC_TENANT: home.tenant} if home.shared else {}
    return {**document, DOC_ID: id_, **whose}


def encoded(home: Home, id_: str, document: Document) -> bytes:
    """The document as it is sent; `Refused` when it cannot be stored."""
    try:
        told = addressed(home, id_, document)
        text = json.dumps(told, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        id_size = len(home.key(id_).encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}") from None
    if not id_ or id_size > MAX_ID_BYTES:
        raise Refused(f"an id has 1 to {MAX_ID_BYTES} bytes with its tenant, this one {id_size}")
    if len(text) > MAX_DOCUMENT_BYTES:
        raise Refused(f"{len(text)} bytes are more than a document may have, {MAX_DOCUMENT_BYTES}")
    return text
