"""How a source is shown."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from synthmill.catalog.looking import Inspection, LookedAt
from synthmill.catalog.sources import SourceDocument
from synthmill.inputs.detect import SourceKind
from synthmill.inputs.look.found import Found

_EXAMPLE: JsonDict = {
    "id": "src_0d9c3d4b6d5b4a7f9a55e1f20b1c7a11",
    "name": "products.csv",
    "kind": "csv",
    "size": 18231,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-11-23T07:24:04Z",
}


class Source(BaseModel):
    """An uploaded file."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str = Field(description="of the content: the same bytes have the same id")
    name: str
    kind: SourceKind = Field(description="told by the content; the name only chooses among what it can be")
    size: int = Field(description="bytes")
    sha256: str
    created_at: datetime

    @classmethod
    def of(cls, document: SourceDocument) -> "Source":
        """What a client sees of a stored source."""
        return cls(
            id=document.source_id,
            name=document.name,
            kind=document.kind,
            size=document.size,
            sha256=document.sha256,
            created_at=document.created_at,
        )


_COLUMN: JsonDict = {
    "name": "Price (EUR)",
    "type": "number",
    "blank": True,
    "unique": False,
    "longest": 7,
    "column": "price_eur",
}
_INSPECTION: JsonDict = {
    "source_id": "src_0d9c3d4b6d5b4a7f9a55e1f20b1c7a11",
    "by": "file",
    "kind": "csv",
    "encoding": "utf-8",
    "delimiter": ";",
    "columns": [_COLUMN],
    "rows": [{"Price (EUR)": "12.50"}],
    "bad_rows": [{"row": 7, "line": 8, "reason": "3 fields where the header has 1"}],
    "looked_at": 200,
    "complete": False,
}


class SourceInspection(Found):
    """The beginning of a source."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INSPECTION]})

    source_id: str
    by: LookedAt = Field(description="the file; or the seeds of a job, when the file is gone")

    @classmethod
    def of(cls, inspection: Inspection) -> "SourceInspection":
        """What a client sees of it."""
        return cls(**inspection.found.model_dump(), source_id=inspection.source.source_id, by=inspection.by)
