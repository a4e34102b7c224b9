"""Sends writes in bulks of bounded size and judges each; what the server had no room for is sent again, alone."""

import asyncio
import json
import logging
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synthmill.errors import StoreUnavailable
from synthmill.ports.records import WriteMode, WriteResult, WriteStatus
from synthmill.stack.elastic.client import Busy, ElasticClient, TooLarge
from synthmill.stack.elastic.judging import Again, judge

logger = logging.getLogger(__name__)

MAX_ACTIONS = 500
MAX_BYTES = 1_000_000
"""A bulk of this size takes the server a good part of a second; beyond 1 MiB aiohttp warns that sending blocks."""

TRIES = 6
FIRST_WAIT_SECONDS = 0.25
LAST_WAIT_SECONDS = 4.0
"""A server that is busy for a few seconds is waited out here, up to about ten; a longer outage is the caller's."""


@dataclass(frozen=True, slots=True)
class Action:
    """One write as it is sent: the action's line and the document's."""

    number: int  # its place among the writes
    id: str
    mode: WriteMode
    head: bytes
    body: bytes | None

    @property
    def size(self) -> int:
        """Bytes in the request."""
        return len(self.head) + len(self.body or b"") + 2

    @property
    def lines(self) -> list[bytes]:
        """As newline-delimited JSON."""
        return [self.head] if self.body is None else [self.head, self.body]


def action(number: int, id_: str, mode: WriteMode, target: dict[str, Any], body: bytes, rank: int | None) -> Action:
    """A write; `target` names index and `_id`."""
    what = "create" if mode is WriteMode.CREATE else "index"
    versioned = {"version": rank, "version_type": "external"} if mode is WriteMode.RANKED else {}
    return Action(number, id_, mode, json.dumps({what: target | versioned}).encode(), body)


def deletion(number: int, id_: str, target: dict[str, Any]) -> Action:
    """A deletion by id."""
    return Action(number, id_, WriteMode.PUT, json.dumps({"delete": target}).encode(), None)


class Sender:
    """Sends actions through one client."""

    def __init__(self, client: ElasticClient) -> None:
        self._client = client

    async def write(self, actions: Sequence[Action]) -> dict[int, WriteResult]:
        """The verdict on each write, by number; `StoreUnavailable` when one of them could not be had in time."""
        verdicts: dict[int, WriteResult] = {}
        for chunk in chunks(actions):
            await self._write_chunk(chunk, verdicts)
        return verdicts

    async def delete(self, actions: Sequence[Action]) -> int:
        """How many documents there were."""
        deleted = 0
        for chunk in chunks(actions):
            for answer in await self._client.bulk([line for each in chunk for line in each.lines]):
                if answer["status"] != 404 and not 200 <= answer["status"] < 300:
                    raise StoreUnavailable(f"{answer['_id']} was not deleted: {answer.get('error')}")
                deleted += answer["status"] != 404
        return deleted

    async def _write_chunk(self, chunk: Sequence[Action], verdicts: dict[int, WriteResult]) -> None:
        left = chunk
        for attempt in range(TRIES):
            left = await self._try(left, verdicts)
            if not left:
                return
            wait = min(LAST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**attempt)
            logger.warning("the record store is busy, %d of %d writes are sent again", len(left), len(chunk))
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads load, guards nothing
        raise StoreUnavailable(f"the record store had no room for {len(left)} of {len(chunk)} writes: try later")

    async def _try(self, chunk: Sequence[Action], verdicts: dict[int, WriteResult]) -> Sequence[Action]:
        """Notes what was judged; answers what must be sent again."""
        try:
            answers = await self._client.bulk([line for each in chunk for line in each.lines])
        except TooLarge as error:
            return await self._try_halves(chunk, verdicts, str(error))
        except Busy:
            return chunk
        later = []
        for each, answer in zip(chunk, answers, strict=True):
            verdict = judge(each.id, each.mode, answer)
            if isinstance(verdict, Again):
                later.append(each)
            else:
                verdicts[each.number] = verdict
        return later

    async def _try_halves(
        self, chunk: Sequence[Action], verdicts: dict[int, WriteResult], reason: str
    ) -> Sequence[Action]:
        if len(chunk) == 1:
            verdicts[chunk[0].number] = WriteResult(chunk[0].id, WriteStatus.REFUSED, reason)
            return []
        middle = len(chunk) // 2
        return [*await self._try(chunk[:middle], verdicts), *await self._try(chunk[middle:], verdicts)]


def chunks(actions: Sequence[Action], most: int = MAX_ACTIONS, size: int = MAX_BYTES) -> Iterator[list[Action]]:
    """In order, each of at most `most` actions and `size` bytes, or a single larger one."""
    chunk: list[Action] = []
    room = size
    for each in actions:
        if chunk and (len(chunk) == most or each.size > room):
            yield chunk
            chunk, room = [], size
        chunk.append(each)
        room -= each.size
    if chunk:
        yield chunk
