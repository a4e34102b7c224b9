"""Files on their way up and down: read again for each try, appended to after a break, checked at the end."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from synthmill.errors import ChecksumMismatch

PIECE_BYTES = 8 << 20
"""A file that is larger goes up in pieces of this size, each of which may be sent again."""

_READ_BYTES = 1 << 20


def chunks(path: Path, offset: int = 0, most: int | None = None) -> Iterator[bytes]:
    """The file from there, in reads of a megabyte; at most so many bytes."""
    left = most
    with path.open("rb") as file:
        file.seek(offset)
        while left is None or left > 0:
            data = file.read(_READ_BYTES if left is None else min(_READ_BYTES, left))
            if not data:
                return
            yield data
            left = None if left is None else left - len(data)


def sha256_of(path: Path) -> str:
    """Of the whole file, in hex."""
    digest = hashlib.sha256()
    for chunk in chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


@dataclass(slots=True)
class Partial:
    """A file on its way down, beside its place until it is whole. `size`: bytes that are here."""

    _file: BinaryIO
    size: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def write(self, data: bytes) -> None:
        """Behind what is here."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def begin_anew(self) -> None:
        """Throws away what is here: the server does not go on in the middle."""
        self._file.seek(0)
        self._file.truncate()
        self.size, self._digest = 0, hashlib.sha256()

    def check(self, sha256: str | None) -> None:
        """`ChecksumMismatch` when these are other bytes."""
        if sha256 is not None and self._digest.hexdigest() != sha256:
            raise ChecksumMismatch("the file that came is not the one that was written: fetch it again")


@contextmanager
def partial(path: Path) -> Iterator[Partial]:
    """The file appears when it is whole, or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with beside.open("wb") as file:
            yield Partial(file)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
