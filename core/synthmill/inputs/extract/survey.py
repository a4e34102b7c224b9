"""One pass over a file's bytes: how many, their checksum, and whether they are UTF-8."""

import codecs
import hashlib
from dataclasses import dataclass, field
from typing import BinaryIO

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """`size` in bytes, `sha256` in hex, `utf8_fault`: offset of the first byte that is not UTF-8, if any."""

    size: int
    sha256: str
    utf8_fault: int | None


@dataclass(slots=True)
class Surveyor:
    """Reads a file from its position on, a block per call, so that a caller can stop in between."""

    file: BinaryIO
    _size: int = 0
    _utf8_fault: int | None = None
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def step(self) -> Survey | None:
        """Reads one block; answers the survey at the end of the file."""
        block = self.file.read(_BLOCK_BYTES)
        self._digest.update(block)
        if self._utf8_fault is None:
            self._look_for_fault(block)
        self._size += len(block)
        return None if block else Survey(self._size, self._digest.hexdigest(), self._utf8_fault)

    def _look_for_fault(self, block: bytes) -> None:
        held = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            self._utf8_fault = self._size - held + error.start


def glance(file: BinaryIO, size: int, head_bytes: int) -> Survey:
    """What the file's first bytes tell, without a checksum; leaves it at its start."""
    file.seek(0)
    fault = None
    try:
        codecs.getincrementaldecoder("utf-8")().decode(file.read(head_bytes))
    except UnicodeDecodeError as error:
        fault = error.start
    file.seek(0)
    return Survey(size=size, sha256="", utf8_fault=fault)


def survey(file: BinaryIO) -> Survey:
    """The whole file at once, from its start; leaves it at its start."""
    file.seek(0)
    surveyor = Surveyor(file)
    while (result := surveyor.step()) is None:
        pass
    file.seek(0)
    return result
