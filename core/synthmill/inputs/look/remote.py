"""A file whose bytes lie elsewhere: each read is a line on one pipe and an answer on another."""

import io
import json
from typing import BinaryIO

_LENGTH_BYTES = 8


class RemoteFile(io.RawIOBase):
    """Seekable and read-only; whoever answers may refuse, then reading is an `OSError`."""

    def __init__(self, size: int, asks: BinaryIO, answers: BinaryIO) -> None:
        self._size = size
        self._asks = asks
        self._answers = answers
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See `io.IOBase`."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # `Buffer` came with 3.12
        """Asks for as much as fits."""
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(0, self._size - self._position))
        if not wanted:
            return 0
        self._asks.write(json.dumps({"read": [self._position, wanted]}).encode() + b"\n")
        self._asks.flush()
        data = self._exactly(int.from_bytes(self._exactly(_LENGTH_BYTES), "big"))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _exactly(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) != size:
            raise OSError("no more bytes are given")
        return data


def answer(data: bytes) -> bytes:
    """What is sent for a read."""
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data
