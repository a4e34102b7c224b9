"""Datasets and their released versions: what a reader of `latest` or of a version gets, and how it came about."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from synthmill_schemas.base import DEFAULT_TENANT, Contract, Count, JobId, Name, now


class Releasing(Contract):
    """A release under way: it is carried to its end by its owner, or by the next one after the lease."""

    number: int = Field(ge=1)
    job_id: JobId
    owner: str
    expires_at: datetime


class DatasetDocument(Contract):
    """A dataset; `_id` is its name. It changes by compare-and-swap, so that its releases come one after the other."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    kind: Literal["dataset"] = "dataset"
    dataset: Name
    latest: int | None = Field(None, ge=1, description="number of the last released version")
    releasing: Releasing | None = None
    updated_at: datetime = Field(default_factory=now)


class VersionDocument(Contract):
    """A released version; `_id` is `version_id`; never changed."""

    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    kind: Literal["version"] = "version"
    dataset: Name
    number: int = Field(ge=1)
    job_id: JobId = Field(description="the job whose records are new in it")
    records: Count = Field(description="that a reader of this version gets")
    added: Count = Field(description="records of the job")
    ended: Count = Field(description="records of the version before that this one has no more")
    released_at: datetime = Field(default_factory=now)


def version_id(dataset: str, number: int) -> str:
    """The id of a version's document; a dataset's name cannot hold the dot."""
    return f"{dataset}.{number}"
