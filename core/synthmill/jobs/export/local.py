"""A file on this machine: written beside its final name, and given that name when it is whole."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from synthmill.jobs.export.encoders import Encoder
from synthmill.ports.records import Document
from synthmill_schemas.job import Outputs


class LocalFile:
    """A file being written; `records` so far."""

    _file: BinaryIO

    def __init__(self, path: Path, kind: Literal["jsonl", "parquet", "csv"], encoder: Encoder) -> None:
        self.path = path
        self.records = 0
        self._kind = kind
        self._encoder = encoder
        self._partial = path.with_name(f".{path.name}.partial")

    def __enter__(self) -> Self:
        """Opens the partial file."""
        self._file = self._partial.open("wb")
        self._file.write(self._encoder.begin())
        return self

    def append(self, batch: Sequence[Document]) -> None:
        """Adds accepted slot documents, in order."""
        self._file.write(self._encoder.encode(batch))
        self.records += len(batch)

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            if kind is None:
                self._file.write(self._encoder.end())
        finally:
            self._file.close()
            if kind is not None:
                self._partial.unlink(missing_ok=True)

    def commit(self) -> Outputs:
        """Gives the finished file its name."""
        self._partial.replace(self.path)
        path = self.path.resolve()
        return Outputs(format=self._kind, path=str(path), records=self.records, size=path.stat().st_size)
