"""Counters that several processes share: records in a mapped file, changed under the file's lock.

The kernel frees the lock of a process that is killed, and keeps what it wrote. It wakes who waits at once; SQLite, as
fast alone, lets a second writer sleep for a millisecond or more, and with it all calls of its process.
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synthmill.errors import UserError

SEATS = 64  # worker processes at most, each with a counter of its own for its calls in flight
_RECORDS = 1_024
_MAGIC = b"synthmill-gate-1"
_FORM = struct.Struct(f"<16s6d2q{SEATS}i")
_SIZE = len(_MAGIC) + _RECORDS * _FORM.size
_FREE = bytes(16)


@dataclass(slots=True)
class Counters:
    """What is counted under one name. `filled` is the moment up to which the three rates were drained."""

    requests: float
    input_tokens: float
    output_tokens: float
    filled: float
    mean_output: float  # tokens of an answer, lately
    mean_seconds: float  # until an answer, lately
    nanodollars: int
    day: int
    in_flight: list[int]


class Board:
    """The counters in one file. `seat` is this process's own number among the workers."""

    def __init__(self, path: Path, seat: int = 0) -> None:
        self._seat = seat
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with self.locked():
            if os.fstat(self._file).st_size == 0:
                os.ftruncate(self._file, _SIZE)
                os.pwrite(self._file, _MAGIC, 0)
            elif os.fstat(self._file).st_size != _SIZE or os.pread(self._file, len(_MAGIC), 0) != _MAGIC:
                raise UserError(f"{path} holds no counters of this gateway: remove it, or name another file")
            self._map = mmap.mmap(self._file, _SIZE)
        self._offsets: dict[str, int] = {}

    @property
    def seat(self) -> int:
        """This process's place in `in_flight`."""
        return self._seat

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else looks or changes meanwhile."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def read(self, name: str) -> Counters:
        """The counters of `name`, all 0 at first; call it under the lock."""
        _, *numbers = _FORM.unpack_from(self._map, self._offset(name))
        requests, input_tokens, output_tokens, filled, mean_output, mean_seconds, nanodollars, day, *in_flight = numbers
        return Counters(
            requests, input_tokens, output_tokens, filled, mean_output, mean_seconds, nanodollars, day, in_flight
        )

    def write(self, name: str, counters: Counters) -> None:
        """Stores them; call it under the lock."""
        _FORM.pack_into(
            self._map,
            self._offset(name),
            _key(name),
            counters.requests,
            counters.input_tokens,
            counters.output_tokens,
            counters.filled,
            counters.mean_output,
            counters.mean_seconds,
            counters.nanodollars,
            counters.day,
            *counters.in_flight,
        )

    def vacate(self, *, everybody: bool) -> None:
        """Forgets the calls in flight of this seat's former process, or of all when nobody else runs yet."""
        with self.locked():
            for position in range(_RECORDS):
                start = len(_MAGIC) + position * _FORM.size + _FORM.size - 4 * SEATS
                if everybody:
                    self._map[start : start + 4 * SEATS] = bytes(4 * SEATS)
                else:
                    self._map[start + 4 * self._seat : start + 4 * self._seat + 4] = bytes(4)

    def close(self) -> None:
        """The file stays."""
        self._map.close()
        os.close(self._file)

    def _offset(self, name: str) -> int:
        if name not in self._offsets:
            self._offsets[name] = self._find(_key(name))
        return self._offsets[name]

    def _find(self, key: bytes) -> int:
        first = int.from_bytes(key[:4], "little")
        for step in range(_RECORDS):
            offset = len(_MAGIC) + (first + step) % _RECORDS * _FORM.size
            there = self._map[offset : offset + 16]
            if there == _FREE:
                self._map[offset : offset + 16] = key
            if there in (_FREE, key):
                return offset
        raise UserError(f"more than {_RECORDS} names were ever limited: start with a new SYNTHMILL_GATEWAY__STATE file")


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=16).digest()
