"""Who listens to which job: one watch a job, a bound on the listeners of a tenant, and their end when stopping."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from synthmill.services import Services
from synthmill_api.errors import Code, FaultItem, Refused
from synthmill_api.live.watch import View, Watch

POSITION = r"^\d{1,9}\.\d{1,9}(\.end)?$"
_POSITION = re.compile(r"(\d{1,9})\.(\d{1,9})(\.end)?")


@dataclass(frozen=True, slots=True)
class Position:
    """How far a client has read: the number of the last event and of the last change of state.

    `ended`: it was told the end, and comes back only because its library does.
    """

    event: int = 0
    change: int = 0
    ended: bool = False

    @classmethod
    def read(cls, text: str | None) -> "Position":
        """From a `Last-Event-ID`; the beginning when there is none."""
        if text is None:
            return cls()
        match = _POSITION.fullmatch(text)
        if match is None:
            raise _unknown(text)
        return cls(int(match[1]), int(match[2]), match[3] is not None)

    def __str__(self) -> str:
        """As the id of a frame."""
        return f"{self.event}.{self.change}" + (".end" if self.ended else "")

    def checked(self, view: View) -> "Position":
        """Itself, or a refusal when it lies behind what there is: then it is of another job."""
        if self.event > view.events or self.change > view.changes[-1].n:
            raise _unknown(str(self))
        return self

    def has_all_of(self, view: View) -> bool:
        """Whether there is nothing more to tell."""
        return self.event == view.events and self.change == view.changes[-1].n


def _unknown(text: str) -> Refused:
    hint = "Give back the id of an event of this job's stream, or none to begin at its start."
    item = FaultItem(path="header.last-event-id", message="no position in this job's stream", hint=hint)
    return Refused(Code.INVALID_REQUEST, f"{text[:40]!r} is no position in the stream of this job", [item])


class Hub:
    """The listeners of one process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._watches: dict[tuple[str, str], tuple[Watch, asyncio.Task[None]]] = {}
        self._at_job: Counter[tuple[str, str]] = Counter()
        self._of_tenant: Counter[str] = Counter()
        self.stopping = asyncio.Event()

    def drain(self) -> None:
        """Ends all streams; clients come back to another process, or to the next one, and miss nothing."""
        self.stopping.set()

    @asynccontextmanager
    async def listening(self, services: Services, tenant: str, job_id: str) -> AsyncIterator[Watch]:
        """The job's watch, which lives as long as somebody listens; a 429 when the tenant has too many listeners."""
        if self.stopping.is_set():
            raise Refused(Code.UNAVAILABLE, "this process is stopping")
        if self._of_tenant[tenant] >= self._most:
            raise Refused(
                Code.TOO_MANY_STREAMS, f"tenant {tenant} has {self._most} open streams here, which is the most"
            )
        key = (tenant, job_id)
        self._of_tenant[tenant] += 1
        self._at_job[key] += 1
        try:
            yield self._watch(services, key)
        finally:
            self._of_tenant[tenant] -= 1
            self._at_job[key] -= 1
            if not self._at_job[key]:
                await self._leave(key)

    def _watch(self, services: Services, key: tuple[str, str]) -> Watch:
        found = self._watches.get(key)
        if found is None or found[1].done():
            watch = Watch(services, *key)
            found = self._watches[key] = watch, asyncio.create_task(watch.run(), name=f"watch {key[1]}")
        return found[0]

    async def _leave(self, key: tuple[str, str]) -> None:
        del self._at_job[key]
        _, task = self._watches.pop(key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
