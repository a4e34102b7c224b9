"""Lets a library that reads in a thread read from an asynchronous stream, and hashes what passes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError as ThreadCancelledError
from typing import cast

from synthmill.errors import ChecksumMismatch, ObjectStoreUnavailable


class ChunkReader:
    """What a blocking upload reads from; `size` and `sha256` are known when it has read all.

    At the end of the stream the checksum is compared before the reader learns that it was the end: an upload whose
    checksum is not the announced one fails in its last read, so it never completes.
    """

    def __init__(self, key: str, chunks: AsyncIterator[bytes], announced: str | None) -> None:
        self.size = 0
        self._key = key
        self._chunks = chunks
        self._announced = announced
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self._failure: BaseException | None = None
        self._pulling: asyncio.Task[object] | None = None  # known to the loop's thread alone

    @property
    def sha256(self) -> str:
        """Of all that was read so far, in hex."""
        return self._digest.hexdigest()

    async def feed(self, upload: Callable[[], None]) -> None:
        """Runs `upload` in a thread while it reads from us; raises what broke the stream rather than what followed.

        Cancelled, it breaks the stream and waits until the upload has cleaned up.
        """
        uploading = asyncio.ensure_future(asyncio.to_thread(upload))
        try:
            await asyncio.shield(uploading)
        except asyncio.CancelledError:
            self._failure = self._failure or ObjectStoreUnavailable(f"the upload of {self._key} was cancelled")
            if self._pulling is not None:
                self._pulling.cancel()
            await asyncio.wait([uploading])
            uploading.exception()
            raise
        except Exception:
            if self._failure is not None:
                raise self._failure from None
            raise

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer only at the end; called in the upload's thread."""
        while len(self._rest) < size and not self._ended:
            chunk = self._next()
            self._digest.update(chunk)
            self.size += len(chunk)
            self._rest += chunk
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def _next(self) -> bytes:
        """The next chunk; b"" at the end."""
        if self._failure is not None:
            raise self._failure
        try:
            chunk = asyncio.run_coroutine_threadsafe(self._pull(), self._loop).result()
        except (Exception, ThreadCancelledError) as error:
            self._failure = self._failure or error
            raise
        if chunk is not None:
            return chunk
        self._ended = True
        self._check()
        return b""

    async def _pull(self) -> bytes | None:
        if self._failure is not None:  # cancelled while this was on its way to the loop
            raise self._failure
        self._pulling = asyncio.current_task()
        try:
            return cast("bytes | None", await anext(self._chunks, None))
        finally:
            self._pulling = None

    def _check(self) -> None:
        if self._announced is not None and self.sha256 != self._announced:
            self._failure = ChecksumMismatch(
                f"{self._key}: received sha256 {self.sha256}, announced {self._announced}: send it again"
            )
            raise self._failure
