"""Counts how often the handling of a message began, in the record store.

RabbitMQ cannot note anything on a message in its queue. Its own `x-delivery-count` will not do: a crash raises it for
every prefetched message, begun or not, and from version 4.3 on it leaves some returns out. So each copy of a message
that is begun has a small document, and a copy that comes back finds it. A settled copy's document goes; when a crash
falls between the two a document is left over, which harms nobody: no other copy has its name.
"""

import hashlib
import logging

from synthmill.errors import SynthmillError, VersionConflict
from synthmill.ports.broker import Queue
from synthmill.ports.records import STARTS, Document, RecordStore, Write, WriteMode, WriteStatus
from synthmill_schemas.base import now

logger = logging.getLogger(__name__)


class Starts:
    """The counts of one installation's messages; `prefix` is that of its queues."""

    def __init__(self, store: RecordStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    async def begin(self, queue: Queue, message_id: str, copy: str | None, before: int) -> int:
        """Notes that handling begins; answers how often it did, `before` times and this one included."""
        id_ = self._id(queue, message_id, copy)
        while True:
            document = _document(queue, message_id, before + 1)
            (result,) = await self._store.bulk([Write(STARTS, id_, document, WriteMode.CREATE)])
            if result.status is WriteStatus.STORED:
                return before + 1
            if result.status is WriteStatus.REFUSED:
                raise SynthmillError(f"the start of message {message_id} cannot be noted: {result.reason}")
            again = await self._add_one(id_)
            if again is not None:
                return again

    async def count(self, queue: Queue, message_id: str, copy: str | None, before: int) -> int:
        """How often handling began."""
        stored = await self._store.get(STARTS, self._id(queue, message_id, copy))
        return before if stored is None else int(stored.document["starts"])

    async def forget(self, queue: Queue, message_id: str, copy: str | None) -> None:
        """The copy is settled. A failure is only told: the document is of no use to anyone."""
        try:
            await self._store.delete(STARTS, [self._id(queue, message_id, copy)])
        except SynthmillError as error:
            logger.debug("the count of message %s stays behind: %s", message_id, error)

    async def _add_one(self, id_: str) -> int | None:
        """The new count; None when somebody else changed it or took it away meanwhile."""
        stored = await self._store.get(STARTS, id_)
        if stored is None:
            return None
        starts = int(stored.document["starts"]) + 1
        try:
            await self._store.patch(STARTS, id_, {"starts": starts}, expected=stored.version)
        except VersionConflict:
            return None
        return starts

    def _id(self, queue: Queue, message_id: str, copy: str | None) -> str:
        if copy is not None:
            return copy
        # published by somebody who does not name copies: all that have this id count together
        return hashlib.sha256(f"{self._prefix}{queue}\n{message_id}".encode()).hexdigest()


def _document(queue: Queue, message_id: str, starts: int) -> Document:
    return {
        "version": 1,
        "tenant": STARTS.tenant,
        "queue": queue.value,
        "message_id": message_id,
        "starts": starts,
        "at": now().isoformat(),
    }
