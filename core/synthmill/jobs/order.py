"""What a client asks for: a compiled recipe, its inputs and an id of its own."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from synthmill.errors import InputUnusable
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.tracing import Trace
from synthmill_schemas.base import JsonObject
from synthmill_schemas.budget import Budget
from synthmill_schemas.job import JobPurpose

_READ_BYTES = 1 << 20

ByteStream = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A source to be staged: its lasting name and its bytes, which can be read again from the start.

    With `sha256` the bytes are checked against it, and lie where no other content for the same job can replace them.
    `stored_at`: where they lie in the object store already, which then copies them by itself; the worker that reads the
    copy checks it.
    """

    name: str
    read: ByteStream
    sha256: str | None = None
    stored_at: str | None = None


@dataclass(frozen=True, slots=True)
class JobOrder:
    """Everything `submit` needs."""

    tenant: str
    job_id: str
    recipe: CompiledRecipe
    inputs: Sequence[InputFile] = ()
    labels: JsonObject = field(default_factory=dict)
    purpose: JobPurpose = JobPurpose.DATASET
    refresh: bool = False  # make records of new and changed seeds only
    caps: Budget | None = None  # what its calls may take; None: as the recipe says
    trace: Trace | None = None  # that the job goes on with; None: one of its own
    about: Sequence[str] = ()  # words to find it by, beside those of its recipe and its sources
    keyless: bool = False  # without an answer its client cannot ask for it again
    flow_run_id: str | None = None  # the run that stages it; None: one is ordered where there is a Prefect server


def new_job_id() -> str:
    """A fresh job id for a run that was not given one."""
    return str(uuid.uuid4())


def input_file(path: Path) -> InputFile:
    """A file on this machine as an input; refuses what cannot be read as one before anything is begun."""
    if path.is_dir():
        raise InputUnusable(f"{path} is a directory; name the files in it, one --input each")
    if not path.is_file():
        raise InputUnusable(f"{path} is not a file; check the path")
    if path.stat().st_size == 0:
        raise InputUnusable(f"{path} is empty; there is nothing to generate from")

    async def read() -> AsyncIterator[bytes]:
        try:
            async with await anyio.open_file(path, "rb") as file:
                while block := await file.read(_READ_BYTES):
                    yield block
        except PermissionError as error:
            raise InputUnusable(f"{path} cannot be read: {error.strerror}; change its permissions") from error

    return InputFile(path.name, read)
