"""The bytes of one request, taken in portions; where they break off, what came before is still good."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from synthmill.catalog.resumable.errors import PieceMismatch, UploadStalled

ALGORITHMS = ("sha1", "sha256", "md5")
"""Of the checksum of a piece. They find what the network broke; the whole file is held to its sha256."""

STALL_SECONDS = 20.0
"""A request that brings nothing for so long ends, so that its client, which may be gone, locks out nobody."""


@dataclass(frozen=True, slots=True)
class PieceChecksum:
    """What a client says about the bytes of one request."""

    algorithm: str
    digest: bytes


class Incoming:
    """A request's bytes. `broken` is what ended them too early, `None` for an end in good order."""

    def __init__(self, chunks: AsyncIterator[bytes], checksum: PieceChecksum | None) -> None:
        self.received = 0
        self.broken: BaseException | None = None
        self._chunks = chunks
        self._checksum = checksum
        self._digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        self._held = b""
        self._ended = False

    @property
    def held_back(self) -> bool:
        """Whether the bytes count only when all of them are known to be right."""
        return self._checksum is not None

    async def more(self) -> bool:
        """Whether there is at least one more byte."""
        while not self._held and not self._ended:
            await self._pull()
        return bool(self._held)

    async def take(self, most: int, seconds: float) -> AsyncIterator[bytes]:
        """At most so many bytes; ends early when the request does, or some time after so many seconds."""
        deadline = time.monotonic() + seconds
        while most and await self.more():
            taken, self._held = self._held[:most], self._held[most:]
            most -= len(taken)
            self.received += len(taken)
            if self._digest is not None:
                self._digest.update(taken)
            yield taken
            if time.monotonic() > deadline:
                return

    def check(self) -> None:
        """Raises `PieceMismatch` unless the bytes are those of the checksum, if there is one."""
        if self._checksum is not None and self._digest is not None and self._digest.digest() != self._checksum.digest:
            text = f"the {self.received} bytes do not have the announced {self._checksum.algorithm}: send them again"
            raise PieceMismatch(text)

    async def _pull(self) -> None:
        try:
            async with asyncio.timeout(STALL_SECONDS):
                self._held = await anext(self._chunks)
        except StopAsyncIteration:
            self._ended = True
        except TimeoutError:
            self._ended = True
            self.broken = UploadStalled(f"no byte came for {STALL_SECONDS:.0f} s; what came before is kept")
        except Exception as error:  # noqa: BLE001  whatever it was: what came before it is good, and it is raised later
            self._ended, self.broken = True, error
