"""Streams the records of a job into all formats at once, in bounded memory."""

import asyncio
import errno
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from synthmill.errors import InputUnusable, StorageFull
from synthmill.jobs.documents import change_job, get_job
from synthmill.jobs.export.formats import Form
from synthmill.jobs.export.local import LocalFile
from synthmill.jobs.export.stream import in_order
from synthmill.ports.records import Collection, Document, Place
from synthmill.recipes.compile import recompile
from synthmill.services import Services
from synthmill_schemas.file_export import ExportFormat
from synthmill_schemas.job import JobDocument, Outputs

_BATCH = 1_000  # records written at a time

_KINDS: dict[ExportFormat, Literal["jsonl", "parquet", "csv"]] = {
    ExportFormat.JSONL: "jsonl",
    ExportFormat.PARQUET: "parquet",
    ExportFormat.CSV: "csv",
    ExportFormat.LINEAGE: "jsonl",
}


async def export(services: Services, tenant: str, job_id: str, out: Path) -> Sequence[Outputs]:
    """Writes the files unless the job document says that they are there; returns what lies where."""
    job = (await get_job(services.store, tenant, job_id)).document
    place = Place(tenant, Collection.RECORDS, job.dataset)
    await services.store.visible(place)
    records = await services.store.count(place, {"job_id": job_id})
    if _written(job, records):
        return job.outputs
    outputs = await _write(services, job, out)
    await change_job(services.store, tenant, job_id, lambda _: {"outputs": outputs})
    return outputs


def _written(job: JobDocument, records: int) -> bool:
    return bool(job.outputs) and all(
        output.records == records and Path(output.path).is_file() and Path(output.path).stat().st_size == output.size
        for output in job.outputs
    )


async def _write(services: Services, job: JobDocument, out: Path) -> list[Outputs]:
    try:
        await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = [stack.enter_context(file) for file in _files(job, out)]
            batch: list[Document] = []
            async for record in in_order(services.store, job):
                batch.append(record)
                if len(batch) == _BATCH:
                    await asyncio.to_thread(_append, files, batch)
                    batch = []
            await asyncio.to_thread(_append, files, batch)
        return [file.commit() for file in files]
    except OSError as error:
        raise _explained(error, out) from error


def _files(job: JobDocument, out: Path) -> list[LocalFile]:
    compiled = recompile(job.recipe)
    return [
        LocalFile(out / form.file_name(job.dataset), kind, form.encoder(compiled))
        for format_, kind in _KINDS.items()
        for form in [Form(format_)]
    ]


def _append(files: Sequence[LocalFile], batch: Sequence[Document]) -> None:
    for file in files:
        file.append(batch)


def _explained(error: OSError, out: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull(f"no space left to write {out}; free some and `synthmill resume` the job, nothing is lost")
    return InputUnusable(f"{out} cannot be written: {error.strerror}; choose another --out")
