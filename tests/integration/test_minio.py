"""What the object store keeps when MinIO is killed and uploads break off, and what it does for its bucket."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from minio.commonconfig import ENABLED, Filter
from minio.lifecycleconfig import Expiration, LifecycleConfig, Rule
from pydantic import SecretStr

from synthmill.errors import ObjectMissing, ObjectStoreUnavailable, UserError
from synthmill.stack.lifecycle import RULE_ID
from synthmill.stack.objects import PART_BYTES, MinioObjectStore
from tests.support.on_stack import ON_STACK
from tests.support.servers import Server, own_server
from tests.support.stack import minio_settings, remove_bucket

pytestmark = list(ON_STACK)
MIB = b"x" * (1 << 20)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MinioObjectStore]:
    """A bucket of the test's own on the server of the stack."""
    store = MinioObjectStore(minio_settings(str(tmp_path)))
    await store.prepare()
    yield store
    await store.close()
    await remove_bucket(str(tmp_path))


@pytest.fixture
def server() -> Iterator[Server]:
    """A MinIO that the test may kill."""
    with own_server("minio") as server:
        yield server


async def many(count: int) -> AsyncIterator[bytes]:
    """So many mebibytes."""
    for _ in range(count):
        yield MIB


def unfinished(store: MinioObjectStore) -> int:
    """Uploads that were begun and neither completed nor dropped."""
    return len(store.client._list_multipart_uploads(store.bucket).uploads)


async def test_half_sent_uploads_are_dropped_by_prefix_by_key_and_by_age(store: MinioObjectStore) -> None:
    names = ["tmp/a/export/1", "tmp/a/export/2", "tmp/ab/export/1", "tmp/a/input/1"]
    for name in names:
        begun = store.client._create_multipart_upload(store.bucket, name, {})
        store.client._upload_part(store.bucket, name, b"half", None, begun, 1)
    now = datetime.now(UTC)
    assert await store.discard_unfinished("tmp/", before=now - timedelta(hours=1)) == 0
    assert await store.discard_unfinished("tmp/a/export/1", before=now + timedelta(hours=1)) == 1
    assert await store.discard_unfinished("tmp/a/", before=now + timedelta(hours=1)) == 2
    assert unfinished(store) == 1
    assert await store.discard_unfinished("", before=now + timedelta(hours=1)) == 1


async def test_a_large_stream_goes_up_in_parts_and_in_bounded_memory(store: MinioObjectStore) -> None:
    tracemalloc.start()
    stored = await store.put("large", many(100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * PART_BYTES
    digest = hashlib.sha256()
    async with store.open("large") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    assert (stored.size, stored.sha256) == (100 << 20, digest.hexdigest())


async def test_a_stream_that_breaks_after_some_parts_leaves_none_of_them(store: MinioObjectStore) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        async for chunk in many(30):
            yield chunk
        assert unfinished(store) == 1  # the parts are on the server
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError):
        await store.put("a", breaking())
    assert unfinished(store) == 0
    assert [stored async for stored in store.list("")] == []


async def test_a_cancelled_upload_leaves_nothing(store: MinioObjectStore) -> None:
    reached = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        async for chunk in many(20):
            yield chunk
        reached.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(store.put("a", endless()))
    await reached.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert unfinished(store) == 0


async def test_a_kill_during_an_upload_leaves_the_earlier_object(server: Server, tmp_path: Path) -> None:
    async def killed_midway() -> AsyncIterator[bytes]:
        async for chunk in many(20):
            yield chunk
        server.kill()
        async for chunk in many(20):
            yield chunk

    store = MinioObjectStore(server.settings().minio)
    await store.prepare()
    await store.put("a", many(1))
    with pytest.raises(ObjectStoreUnavailable):
        await store.put("a", killed_midway())
    for attempt in (store.put("b", many(1)), store.presign("a", 60), store.delete_prefix("a"), store.prepare()):
        with pytest.raises(ObjectStoreUnavailable):
            await attempt
    with pytest.raises(ObjectStoreUnavailable):
        async with store.open("a"):
            pass
    await asyncio.to_thread(server.start)
    async with store.open("a") as file:
        assert file.read() == MIB
    with pytest.raises(ObjectMissing):
        await store.presign("b", 60)
    await store.close()


async def test_the_bucket_cleans_up_old_temporary_files_and_keeps_the_rules_of_others(store: MinioObjectStore) -> None:
    def rules() -> dict[str | None, str | None]:
        found = store.client.get_bucket_lifecycle(store.bucket)
        assert found is not None
        return {rule.rule_id: rule.rule_filter.prefix if rule.rule_filter else None for rule in found.rules}

    assert rules() == {RULE_ID: "tmp/"}
    theirs = Rule(ENABLED, rule_filter=Filter(prefix="theirs/"), rule_id="theirs", expiration=Expiration(days=9))
    store.client.set_bucket_lifecycle(store.bucket, LifecycleConfig([theirs]))
    await store.prepare()
    await store.prepare()
    assert rules() == {RULE_ID: "tmp/", "theirs": "theirs/"}


@pytest.mark.parametrize("keys", [{}, {"access_key": SecretStr("nobody"), "secret_key": SecretStr("wrong" * 4)}])
async def test_missing_and_wrong_keys_are_the_callers_to_mend(tmp_path: Path, keys: dict[str, SecretStr]) -> None:
    none = {"access_key": None, "secret_key": None}
    with pytest.raises(UserError, match="ACCESS_KEY"):
        await MinioObjectStore(minio_settings(str(tmp_path)).model_copy(update=none | keys)).prepare()


async def test_a_url_cannot_be_signed_for_longer_than_s3_allows(store: MinioObjectStore) -> None:
    await store.put("a", many(1))
    with pytest.raises(UserError, match="604800"):
        await store.presign("a", 604_801)
