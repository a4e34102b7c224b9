"""A file of a job's records that somebody asked for: the message that orders it and the document that tells of it."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name, Sha256, now
from synthmill_schemas.job import Lease


class ExportFormat(StrEnum):
    """What the file holds, one entry a record."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"  # an Arrow IPC stream
    LINEAGE = "lineage"  # JSON lines: seed, source row, attributes, model, tokens and cost of each record
    ALPACA = "alpaca"  # JSON lines for training: instruction, input, output
    SHAREGPT = "sharegpt"  # JSON lines for training: conversations of {from, value}
    MESSAGES = "messages"  # JSON lines for training: messages of {role, content}


class Compression(StrEnum):
    """How the file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Part(StrEnum):
    """A share of the records; all records of one seed are in the same one."""

    TRAIN = "train"
    TEST = "test"


class ChatColumns(Contract):
    """Which field of a record plays which part in a chat format, by dotted path."""

    instruction: str | None = Field(None, description="what the user asks")
    input: str | None = Field(None, description="what the user gives with it")
    output: str | None = Field(None, description="what the assistant answers")
    system: str | None = Field(None, description="the standing instruction")
    conversation: str | None = Field(None, description="a list of turns {role, content} instead of the others")


class FormFields(Contract):
    """What a file is to be, besides its format."""

    compression: Compression = Compression.NONE
    chat: ChatColumns | None = Field(None, description="of the chat formats; none: columns are known by their names")
    part: Part | None = Field(None, description="none: all records")
    test_share: float = Field(0.1, gt=0, lt=1, description="of the seeds, whose records are the part `test`")
    filters: list[str] = Field(default_factory=list, description="only records that meet these, as in a search")


class ExportState(StrEnum):
    """Where an export stands; it moves by compare-and-swap only."""

    REQUESTED = "requested"  # written before the send: a message may be out
    WRITING = "writing"  # a worker has it, as the lease says
    DONE = "done"  # the file can be fetched until it expires
    FAILED = "failed"  # asking again tries again
    EXPIRED = "expired"  # the file is gone; asking again writes it anew


class ExportMessage(Contract):
    """On the `exports` queue: write this file. The document holds everything else."""

    kind: Literal["export"] = "export"
    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    job_id: JobId
    export_id: str
    traceparent: str | None = None


class ExportDocument(FormFields):
    """Stored among the reports; `_id` = `report_id`."""

    version: Literal[1] = 1
    kind: Literal["export"] = "export"
    tenant: Name = DEFAULT_TENANT
    report_id: str = Field(description="export-{export id}")
    export_id: str = Field(description="follows from job, form and the number of records")
    job_id: JobId
    dataset: Name
    format: ExportFormat
    state: ExportState = ExportState.REQUESTED
    records: Count | None = Field(None, description="known when it is done")
    size: Count | None = Field(None, description="bytes")
    sha256: Sha256 | None = None
    object_key: str | None = Field(None, description="where the file lies, or is being written")
    file_name: str
    expires_at: datetime | None = Field(None, description="when the file goes")
    reason: str | None = Field(None, description="why it failed, and what to do")
    lease: Lease | None = Field(None, description="who writes it")
    traceparent: str | None = None
    at: datetime = Field(default_factory=now, description="when it was asked for")
    updated_at: datetime = Field(default_factory=now)
