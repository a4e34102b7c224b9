"""SIGKILL in the middle of a job on the real stack, and a start: the job ends by itself, exact, with little paid twice.

Each moment comes from a seed that is printed. The provider is never killed: its log is the witness of what was paid.
A fault that came too early or too late to matter fails its test.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synthmill.ports.records import Collection
from synthmill_schemas.job import JobState
from tests.support import bucket
from tests.support.killing import random_seeds
from tests.support.on_stack import ON_STACK
from tests.support.scene import Scene, Servers, scene
from tests.support.servers import Server
from tests.support.services import Service
from tests.support.stack_jobs import rows
from tests.support.wait import until

pytestmark = [pytest.mark.e2e, *ON_STACK]

RECORDS = 1_500
FILES, ROWS_A_FILE = 15, 40
BLOCK_ROWS, ROW_BYTES, BLOCKS = 8, 32 << 10, 48
"""12 MiB: more than one part of an upload."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("indices"))
    yield servers
    servers.close()


def moment_of(seed: int) -> int:
    """After how many of the job's answers."""
    return random.Random(seed).randrange(RECORDS // 20, RECORDS * 3 // 4)


def kill_a_consumer(folder: Path, servers: Servers, seed: int) -> None:
    with scene(folder, servers, seed) as at:
        victim = random.Random(seed).choice(at.mill.consumers)
        _kill_and_start(at, victim, consumers=1)


def kill_rabbitmq(folder: Path, servers: Servers, seed: int) -> None:
    with scene(folder, servers, seed, "rabbitmq") as at:
        _kill_and_start(at, servers.own("rabbitmq"), consumers=2)


def kill_elasticsearch(folder: Path, servers: Servers, seed: int) -> None:
    victim = servers.own("elasticsearch")
    with scene(folder, servers, seed, "elasticsearch") as at:
        job_id = at.order(RECORDS)
        at.kill_at(moment_of(seed), RECORDS, victim)
        assert at.mill.client.progress(job_id) is None, "the API has to say that it cannot know"
        victim.start()
        at.assert_recovered(job_id, RECORDS, kills=1, consumers=2, told=f"elasticsearch killed at {moment_of(seed)}")


def kill_the_gateway(folder: Path, servers: Servers, seed: int) -> None:
    with scene(folder, servers, seed, gateway=True) as at:
        _kill_and_start(at, at.mill.gateway, consumers=2, route="openai/gpt-4.1-mini")


def _kill_and_start(at: Scene, victim: Service | Server, *, consumers: int, route: str = "mock/one") -> None:
    moment = moment_of(at.seed)
    job_id = at.order(RECORDS, route)
    at.kill_at(moment, RECORDS, victim)
    victim.start()
    told = f"{victim.name} killed at {moment}"
    at.assert_recovered(job_id, RECORDS, kills=1, consumers=consumers, told=told)


def kill_the_planner(folder: Path, servers: Servers, seed: int) -> None:
    """The worker that plans dies while it stores seeds or publishes; which, and when, the seed decides."""
    chance = random.Random(seed)
    with scene(folder, servers, seed, workers=2) as at:
        stored_before = at.indices.indexed(Collection.INPUTS)
        job_id = at.order(RECORDS)

        def seeds() -> int:
            return at.indices.indexed(Collection.INPUTS) - stored_before

        def published() -> int:
            checkpoint = at.indices.job(job_id).checkpoint
            return 0 if checkpoint is None else checkpoint.next_slot

        progress = chance.choice([seeds, published])
        moment = chance.randrange(1, RECORDS * 3 // 4)
        until(lambda: progress() >= moment, f"{moment} {progress.__name__}")
        planner = at.indices.job(job_id).planner
        assert planner is not None, "nobody plans any more"
        (victim,) = (worker for worker in at.mill.workers if f"-{worker.pid}-" in planner.owner)
        victim.kill()
        assert at.indices.job(job_id).state is not JobState.PLANNED, "the kill came too late to matter"
        victim.start()
        told = f"the planner killed at {moment} {progress.__name__}"
        at.assert_recovered(job_id, RECORDS, kills=0, consumers=2, told=told)
        until(lambda: at.indices.job(job_id).temporary_files == "deleted", "the job's files to go")


def kill_minio_during_an_upload(folder: Path, servers: Servers, seed: int) -> None:
    """The client is told to come again, and when it does all is well; nothing of the first try is left."""
    minio = servers.own("minio")
    moment = random.Random(seed).randrange(1, BLOCKS)
    row = b"P-%09d," + b"product" * (ROW_BYTES // 7) + b",%d\n" % seed  # no file of an earlier scene
    with scene(folder, servers, seed, "minio") as at:

        def blocks() -> Iterator[bytes]:
            yield b"sku,title,price\n"
            for number in range(BLOCKS):
                if number == moment:
                    minio.kill()
                yield b"".join(row % (number * BLOCK_ROWS + more) for more in range(BLOCK_ROWS))

        refused = at.mill.client.send("big.csv", blocks())
        assert refused.status_code == 503, refused.text
        assert refused.json()["code"] == "object_store_unavailable"
        assert int(refused.headers["retry-after"]) > 0
        minio.start()
        moment = -1
        again = at.mill.client.send("big.csv", blocks())
        assert again.status_code == 201, again.text
        assert len(bucket.keys(at.mill.settings.minio)) == 1
        job_id = at.mill.client.order(at.recipe(), again.json()["id"], records=100)
        at.mill.client.completed(job_id, 100)
        assert [slot["data"]["sku"] for slot in at.indices.slots(job_id)] == [f"P-{n:09d}" for n in range(100)]


def kill_minio_while_it_is_read(folder: Path, servers: Servers, seed: int) -> None:
    """Many files, so that the server dies between two of them: the worker tries until it is back."""
    minio = servers.own("minio")
    moment = random.Random(seed).randrange(1, FILES // 2)
    with scene(folder, servers, seed, "minio") as at:
        client, count = at.mill.client, FILES * ROWS_A_FILE
        lines = rows(count).splitlines(keepends=True)
        files = [b"".join(lines[:1] + lines[1 + n * ROWS_A_FILE :][:ROWS_A_FILE]) for n in range(FILES)]
        sources = [client.upload(f"products-{n}.csv", data) for n, data in enumerate(files)]
        job_id = client.order(at.recipe(), *sources)

        def read() -> int:
            return sum(source.seed_set is not None for source in at.indices.job(job_id).sources)

        until(lambda: read() >= moment, f"{moment} files to be read")
        minio.kill()
        assert read() < FILES, "the kill came too late to matter"
        (worker,) = at.mill.workers
        until(lambda: "the object store did not serve" in worker.log.read_text(), "the worker to miss the server")
        minio.start()
        client.completed(job_id, count)
        data = [(slot["data"]["sku"], slot["lineage"]["source"]) for slot in at.indices.slots(job_id)]
        assert sorted(data) == sorted((f"P-{n}", f"products-{n // ROWS_A_FILE}.csv") for n in range(count))
        until(lambda: len(bucket.keys(at.mill.settings.minio)) == FILES, "the job's copies of its files to go")


KILLS: list[Callable[[Path, Servers, int], None]] = [
    kill_a_consumer,
    kill_the_planner,
    kill_rabbitmq,
    kill_elasticsearch,
    kill_the_gateway,
    kill_minio_during_an_upload,
    kill_minio_while_it_is_read,
]


@pytest.mark.parametrize("seed", random_seeds(1))
@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_a_job_ends_by_itself_after(
    kill: Callable[[Path, Servers, int], None], seed: int, tmp_path: Path, servers: Servers
) -> None:
    kill(tmp_path, servers, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", random_seeds(20))
@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: kill.__name__)
def test_a_job_ends_by_itself_after_each_of_many(
    kill: Callable[[Path, Servers, int], None], seed: int, tmp_path: Path, servers: Servers
) -> None:
    kill(tmp_path, servers, seed)
