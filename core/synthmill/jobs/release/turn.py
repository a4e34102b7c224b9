"""One release of a dataset at a time: the dataset's document says whose turn it is, and until when.

Whoever finds a turn whose time is over carries that release to its end before its own: its number is given, and part
of its records may say so already. All that a release writes follows from its number and its job, so even one that
was only slow, and goes on beside its successor, writes the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from synthmill.errors import Retriable, VersionConflict
from synthmill.jobs.release.documents import VersionedDataset, opened_dataset, swap_dataset
from synthmill.services import Services
from synthmill_schemas.base import now
from synthmill_schemas.dataset import Releasing

_FIRST_LOOK_SECONDS = 0.1
_LAST_LOOK_SECONDS = 2.0

Wanted = Callable[[], Awaitable[bool]]


class TurnLost(Retriable):
    """The turn's time ran out while we worked, and somebody else carries the release to its end."""


@dataclass(slots=True)
class Turn:
    """Ours for now; `seen` is the dataset as we wrote it last."""

    services: Services
    seen: VersionedDataset

    @property
    def releasing(self) -> Releasing:
        """What is being released."""
        assert self.seen.document.releasing is not None
        return self.seen.document.releasing

    async def keep(self) -> None:
        """Renews the turn when a third of its time is gone; raises `TurnLost` when it is somebody else's."""
        seconds = self.services.settings.worker.lease_seconds
        if self.releasing.expires_at - now() < timedelta(seconds=seconds * 2 / 3):
            await self._swap(self.seen.document.latest, _until(self.releasing, self.services))

    async def end(self) -> None:
        """The version is out: the next release may have its turn."""
        await self._swap(self.releasing.number, None)

    async def _swap(self, latest: int | None, releasing: Releasing | None) -> None:
        try:
            self.seen = await swap_dataset(self.services.store, self.seen, latest=latest, releasing=releasing)
        except VersionConflict as error:
            raise TurnLost(f"the release of {self.seen.document.dataset} is carried on by somebody else") from error


async def take_turn(
    services: Services, tenant: str, dataset: str, job_id: str, owner: str, wanted: Wanted
) -> Turn | None:
    """Waits for the dataset and takes it: to end what was begun, else for this job; None when it is not wanted.

    `wanted` is asked while nobody releases, and its answer holds until the turn is taken.
    """
    pause = _FIRST_LOOK_SECONDS
    while True:
        seen = await opened_dataset(services.store, tenant, dataset)
        current = seen.document.releasing
        if current is not None and current.expires_at > now():
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK_SECONDS)
            continue
        if current is None:
            if not await wanted():
                return None
            number = (seen.document.latest or 0) + 1
            current = Releasing(number=number, job_id=job_id, owner=owner, expires_at=now())
        mine = _until(current.model_copy(update={"owner": owner}), services)
        try:
            swapped = await swap_dataset(services.store, seen, latest=seen.document.latest, releasing=mine)
        except VersionConflict:
            continue
        return Turn(services, swapped)


def _until(releasing: Releasing, services: Services) -> Releasing:
    ends = now() + timedelta(seconds=services.settings.worker.lease_seconds)
    return releasing.model_copy(update={"expires_at": ends})
