"""What clients see of datasets and versions."""

from datetime import datetime

from pydantic import BaseModel, Field

from synthmill_schemas.dataset import DatasetDocument, VersionDocument


class Dataset(BaseModel):
    """A dataset of which at least one version is released."""

    name: str
    latest: int = Field(description="number of the last released version")
    updated_at: datetime

    @classmethod
    def of(cls, document: DatasetDocument) -> "Dataset":
        """From a stored dataset."""
        return cls(name=document.dataset, latest=document.latest or 0, updated_at=document.updated_at)


class Version(BaseModel):
    """A released version."""

    dataset: str
    version: int
    job_id: str = Field(description="the job whose records are new in it")
    records: int = Field(description="that it shows")
    added: int
    ended: int = Field(description="records of the version before that it no longer shows")
    released_at: datetime

    @classmethod
    def of(cls, document: VersionDocument) -> "Version":
        """From a stored version."""
        return cls(
            dataset=document.dataset,
            version=document.number,
            job_id=document.job_id,
            records=document.records,
            added=document.added,
            ended=document.ended,
            released_at=document.released_at,
        )
