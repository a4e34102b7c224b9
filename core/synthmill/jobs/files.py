"""Where temporary files lie in the object store, and whose a key is.

`tmp/<job>/input/<tenant>/<n>`       what a job reads, until its seeds are stored
`tmp/<job>/export/<tenant>/<id>/…`   what an export wrote, until it expires
`tmp/sources/<upload>/…`             what was uploaded for jobs to come
"""

from dataclasses import dataclass
from enum import StrEnum

ROOT = "tmp/"
_SOURCES = "sources"
_DEPTH = 5  # tmp, job, kind, tenant, what is below


class Kind(StrEnum):
    """What a temporary file is for."""

    INPUT = "input"
    EXPORT = "export"
    SOURCE = "source"
    UNKNOWN = "unknown"  # nothing that this version writes


@dataclass(frozen=True, slots=True)
class Folder:
    """Files that go together: all inputs of a job, one export, one upload."""

    kind: Kind
    prefix: str
    tenant: str = ""
    job_id: str = ""
    export_id: str = ""


def input_prefix(tenant: str, job_id: str) -> str:
    """Below it lie the inputs of the job; two tenants may have jobs of the same id."""
    return f"{ROOT}{job_id}/{Kind.INPUT}/{tenant}/"


def export_prefix(tenant: str, job_id: str, export_id: str) -> str:
    """Below it lies what one export wrote."""
    return f"{ROOT}{job_id}/{Kind.EXPORT}/{tenant}/{export_id}/"


def folder_of(key: str) -> Folder:
    """Whose a key below `ROOT` is."""
    parts = key.split("/", _DEPTH)
    match parts:
        case ["tmp", "sources", upload, *_] if len(parts) > 3:
            return Folder(Kind.SOURCE, f"{ROOT}{_SOURCES}/{upload}/")
        case ["tmp", job, Kind.INPUT, tenant, _, *_]:
            return Folder(Kind.INPUT, input_prefix(tenant, job), tenant, job)
        case ["tmp", job, Kind.EXPORT, tenant, export_id, _]:
            return Folder(Kind.EXPORT, export_prefix(tenant, job, export_id), tenant, job, export_id)
        case _:
            return Folder(Kind.UNKNOWN, key)
