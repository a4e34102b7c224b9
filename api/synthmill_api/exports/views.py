"""What clients say about an export, and what they see of it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from synthmill_schemas.file_export import (
    ChatColumns,
    Compression,
    ExportDocument,
    ExportFormat,
    ExportState,
    FormFields,
    Part,
)


class ExportRequest(FormFields):
    """A file that is wanted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_serialization_defaults_required=False,
        json_schema_extra={
            "examples": [
                {"format": "csv", "compression": "gzip"},
                {"format": "messages", "chat": {"instruction": "question", "output": "answer"}, "part": "train"},
            ]
        },
    )

    format: ExportFormat = ExportFormat.JSONL


class Export(BaseModel):
    """A file of a job's records."""

    id: str = Field(description="the same for the same job, form and number of records")
    job_id: str
    format: ExportFormat
    compression: Compression
    chat: ChatColumns | None = Field(description="which field plays which part in a chat format, where that was said")
    part: Part | None = Field(description="none: all records")
    test_share: float
    filters: list[str]
    state: ExportState
    reason: str | None = Field(description="why it failed")
    file_name: str
    records: int | None = Field(description="none: not written yet")
    size: int | None = Field(description="bytes")
    sha256: str | None
    url: str | None = Field(description="where to fetch the file, without a key where it leads to the object store")
    expires_at: datetime | None = Field(description="when the file and its URL end")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, document: ExportDocument, url: str | None = None) -> "Export":
        """What a client sees of an export's document."""
        return cls(
            id=document.export_id,
            job_id=document.job_id,
            format=document.format,
            compression=document.compression,
            chat=document.chat,
            part=document.part,
            test_share=document.test_share,
            filters=document.filters,
            state=document.state,
            reason=document.reason,
            file_name=document.file_name,
            records=document.records,
            size=document.size,
            sha256=document.sha256,
            url=url,
            expires_at=document.expires_at,
            created_at=document.at,
            updated_at=document.updated_at,
        )
