"""A seed: one extracted unit of a source, and where exactly it came from."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JsonObject, Name, Sha256, now


class Lineage(Contract):
    """The place in the source; line and row count from 1, characters from 0 (end exclusive)."""

    source: str
    sha256: Sha256
    row: int | None = Field(None, ge=1, description="data row, the header not counted")
    line: int | None = Field(None, ge=1, description="line of the file where the row starts")
    char_start: Count | None = None
    char_end: Count | None = None
    page: int | None = Field(None, ge=1)
    sheet: str | None = None
    headings: list[str] = Field(default_factory=list, description="Markdown headings above the chunk, outermost first")


class SeedDocument(Contract):
    """A stored seed; its `_id` is `ids.seed_document_id(seed_set, ordinal)`."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    seed_set: str
    ordinal: Count = Field(description="position among the good rows of its file, from 0")
    seed_id: str
    data: JsonObject = Field(description="the row's fields; a text chunk is {text, headings}")
    lineage: Lineage
    created_at: datetime = Field(default_factory=now)
