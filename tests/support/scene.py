"""A job on an installation of which something is going to be killed, and what has to hold at its end."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.support import stack
from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.indices import Indices
from tests.support.installation import Installation, installation
from tests.support.killing import answered
from tests.support.provider import Provider, start_provider
from tests.support.servers import Server, own_server
from tests.support.services import Service
from tests.support.stack_jobs import assert_each_on_its_row, recipe, rows
from tests.support.wait import until

BATCH = 2
CONSUMERS, CONCURRENCY, PREFETCH = 2, 16, 32
CHUNK = 10
LATENCY_MS = 200

_SETTINGS = {
    "SYNTHMILL_CONSUMER__CONCURRENCY": str(CONCURRENCY),
    "SYNTHMILL_CONSUMER__PREFETCH": str(PREFETCH),
    "SYNTHMILL_WORKER__PUBLISH_CHUNK": str(CHUNK),
    "SYNTHMILL_WORKER__CHUNK_ROWS": "50",
}


class Servers:
    """Servers that may be killed, each started when it is first wanted; and indexes for tests that spare theirs."""

    def __init__(self, indices: Path) -> None:
        self.indices = indices
        self._own: dict[str, Server] = {}
        self._left = ExitStack()

    def own(self, name: str) -> Server:
        """The one of that name; it runs."""
        if name not in self._own:
            self._own[name] = self._left.enter_context(own_server(name))
        if not self._own[name].runs():  # the test before may have left it dead
            self._own[name].start()
        return self._own[name]

    def close(self) -> None:
        """Stops them and removes the indexes."""
        self._left.close()
        asyncio.run(stack.remove_indices(str(self.indices)))


@dataclass(frozen=True, slots=True)
class Scene:
    """An installation with a provider whose log outlives all, and a look past the services."""

    mill: Installation
    provider: Provider
    indices: Indices
    seed: int

    def recipe(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  any part of a recipe
        """Its own seed keeps this scene's records apart from those of others in the dataset: no duplicates."""
        return recipe(batch=BATCH, seed=crc32(str(self.mill.folder).encode()), **changes)

    def order(self, records: int, route: str = "mock/one") -> str:
        """A job of that many rows, under way."""
        source = self.mill.client.upload("products.csv", rows(records))
        return self.mill.client.order(self.recipe(model={"route": route}), source)

    def until_answered(self, count: int) -> int:
        """Waits until the provider gave so many answers; says how many it gave."""
        return until(lambda: max(0, len(answered(self.provider)) - count + 1), f"{count} answers") + count - 1

    def kill_at(self, moment: int, records: int, victim: Service | Server) -> None:
        """Kills once so many records were answered; fails when that is too late to matter."""
        self.until_answered(moment)
        victim.kill()
        assert len(answered(self.provider)) < records, "the kill came too late to matter"

    def assert_recovered(self, job_id: str, records: int, *, kills: int, consumers: int, told: str) -> None:
        """The job ends by itself with every record once, and at most what was in flight was paid twice (law 6)."""
        self.mill.client.completed(job_id, records, seconds=150)
        slots = self.indices.slots(job_id)
        assert_all_accepted(self.indices.job(job_id), slots, records)
        assert_each_on_its_row(slots)
        shown = [record["id"] for record in self.mill.client.records(job_id)]
        assert shown == [slot["record_id"] for slot in slots]
        paid = answered(self.provider)
        twice, bound = paid_twice(paid), kills * consumers * PREFETCH * BATCH + CHUNK * BATCH
        print(f"seed {self.seed}: {told}: {len(paid)} answers for {records} records, {twice} paid twice, bound {bound}")
        assert twice <= bound


@contextmanager
def scene(
    folder: Path, servers: Servers, seed: int, *killable: str, workers: int = 1, gateway: bool = False
) -> Iterator[Scene]:
    """Two consumers at work for a slow provider; `killable` servers are not those that others use."""
    print(f"repeat with SYNTHMILL_TEST_SEED={seed}")
    own = [servers.own(name) for name in killable]
    indices = None if "elasticsearch" in killable else servers.indices
    with (
        start_provider(folder, latency_ms=LATENCY_MS) as provider,
        installation(
            folder,
            provider.url,
            *own,
            workers=workers,
            consumers=CONSUMERS,
            gateway=gateway,
            indices=indices,
            **_SETTINGS,
        ) as mill,
        Indices(mill.settings.elasticsearch) as found,
    ):
        yield Scene(mill, provider, found, seed)
