"""What every object store does."""

import asyncio
import hashlib
import urllib.request
from collections.abc import AsyncIterator

import pytest

from synthmill.errors import BadKey, ChecksumMismatch, ObjectMissing
from synthmill.ports.objects import ObjectStore

BAD_KEYS = [
    "",
    "/absolute",
    "../up",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "a\\b",
    "a\0b",
    "a\nb",
    "a" * 256,
    "a/" * 600 + "a",
    "\ud800",
]


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """The chunks, one after the other."""
    for chunk in chunks:
        yield chunk


async def breaking(*chunks: bytes) -> AsyncIterator[bytes]:
    """A stream whose sender goes away."""
    for chunk in chunks:
        yield chunk
    raise ConnectionResetError("the sender went away")


async def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    """All keys below the prefix, in the order in which they are listed."""
    return [stored.key async for stored in store.list(prefix)]


async def put_all(store: ObjectStore, *names: str) -> None:
    """Stores something under each key."""
    for name in names:
        await store.put(name, stream(name.encode()))


async def test_a_look_at_a_key_tells_its_size_without_its_content(objects: ObjectStore) -> None:
    stored = await objects.put("jobs/1/data", stream(b"12345"))
    found = await objects.stat("jobs/1/data")
    assert found is not None
    assert (found.key, found.size, found.sha256) == ("jobs/1/data", 5, None)
    assert abs((found.modified_at - stored.modified_at).total_seconds()) < 2
    assert [await objects.stat(key) for key in ("jobs/1", "jobs/1/data/more", "jobs/2")] == [None, None, None]


async def test_what_was_put_is_read_with_its_size_and_checksum(objects: ObjectStore) -> None:
    content = bytes(range(256)) * 5_000
    stored = await objects.put("jobs/1/products.csv", stream(content[:70_000], b"", content[70_000:]))
    assert (stored.key, stored.size) == ("jobs/1/products.csv", len(content))
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    async with objects.open("jobs/1/products.csv") as file:
        assert file.read() == content
        file.seek(-3, 2)
        assert file.read() == content[-3:]


async def test_a_part_is_read_without_the_rest(objects: ObjectStore) -> None:
    await objects.put("a", stream(b"0123456789"))
    parts = [await objects.read("a", start, size) for start, size in ((0, 3), (4, 2), (8, 5), (10, 1), (99, 1), (2, 0))]
    assert parts == [b"012", b"45", b"89", b"", b"", b""]
    with pytest.raises(ObjectMissing):
        await objects.read("b", 0, 1)


async def test_an_empty_stream_is_an_empty_object(objects: ObjectStore) -> None:
    assert (await objects.put("empty", stream())).size == 0
    async with objects.open("empty") as file:
        assert file.read() == b""


async def test_the_announced_checksum_is_accepted(objects: ObjectStore) -> None:
    stored = await objects.put("a", stream(b"text"), sha256=hashlib.sha256(b"text").hexdigest())
    assert stored.size == 4


async def test_another_checksum_leaves_nothing_behind(objects: ObjectStore) -> None:
    with pytest.raises(ChecksumMismatch):
        await objects.put("tmp/a", stream(b"text"), sha256=hashlib.sha256(b"other").hexdigest())
    assert await keys(objects) == []


async def test_a_broken_stream_leaves_nothing_behind(objects: ObjectStore) -> None:
    with pytest.raises(ConnectionResetError):
        await objects.put("tmp/a", breaking(b"half of it"))
    assert await keys(objects) == []


async def test_a_broken_stream_leaves_the_earlier_object_as_it_was(objects: ObjectStore) -> None:
    await objects.put("a", stream(b"earlier"))
    with pytest.raises(ConnectionResetError):
        await objects.put("a", breaking(b"later"))
    async with objects.open("a") as file:
        assert file.read() == b"earlier"


async def test_nothing_is_seen_before_the_last_byte(objects: ObjectStore) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def held() -> AsyncIterator[bytes]:
        yield b"first"
        reached.set()
        await release.wait()
        yield b" last"

    putting = asyncio.create_task(objects.put("a", held()))
    await reached.wait()
    assert await keys(objects) == []
    release.set()
    await putting
    assert await keys(objects) == ["a"]


async def test_a_second_put_replaces_the_first(objects: ObjectStore) -> None:
    await objects.put("a", stream(b"first"))
    await objects.put("a", stream(b"second"))
    async with objects.open("a") as file:
        assert file.read() == b"second"
    assert await keys(objects) == ["a"]


async def test_a_copy_is_an_object_of_its_own(objects: ObjectStore) -> None:
    content = bytes(range(256)) * 50_000  # more than is sent at once
    await objects.put("sources/one", stream(content))
    await objects.put("jobs/1/input", stream(b"what a copy replaces"))
    copied = await objects.copy("sources/one", "jobs/1/input")
    assert (copied.key, copied.size) == ("jobs/1/input", len(content))
    await objects.put("sources/one", stream(b"other"))
    await objects.delete_prefix("sources")
    async with objects.open("jobs/1/input") as file:
        assert file.read() == content
    assert await keys(objects) == ["jobs/1/input"]


@pytest.mark.parametrize("key", ["nothing", "folder", "folder/file/deeper"])
async def test_what_is_not_there_is_missing(objects: ObjectStore, key: str) -> None:
    await objects.put("folder/file", stream(b"x"))
    with pytest.raises(ObjectMissing):
        async with objects.open(key):
            pass
    with pytest.raises(ObjectMissing):
        await objects.copy(key, "copy")
    assert await keys(objects) == ["folder/file"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=range(len(BAD_KEYS)))
async def test_a_bad_key_is_refused_everywhere(objects: ObjectStore, key: str) -> None:
    with pytest.raises(BadKey):
        await objects.put(key, stream(b"x"))
    with pytest.raises(BadKey):
        async with objects.open(key):
            pass
    with pytest.raises(BadKey):
        await objects.presign(key, 60)
    with pytest.raises(BadKey):
        await objects.copy(key, "copy")
    with pytest.raises(BadKey):
        await objects.copy("nothing", key)
    assert await keys(objects) == []


@pytest.mark.parametrize("prefix", ["", "/", "..", "a/../..", "/absolute"])
async def test_a_prefix_that_reaches_outside_or_takes_everything_is_not_deleted(
    objects: ObjectStore, prefix: str
) -> None:
    await objects.put("a/b", stream(b"x"))
    with pytest.raises(BadKey):
        await objects.delete_prefix(prefix)
    assert await keys(objects) == ["a/b"]


async def test_deleting_a_prefix_takes_what_is_below_it_and_nothing_beside_it(objects: ObjectStore) -> None:
    await put_all(objects, "jobs/1/a", "jobs/1/deep/b", "jobs/10/a", "jobs/1.csv", "other")
    assert await objects.delete_prefix("jobs/1") == 2
    assert await keys(objects) == ["jobs/1.csv", "jobs/10/a", "other"]
    assert await objects.delete_prefix("jobs/1/") == 0


async def test_an_object_stays_readable_while_its_prefix_is_deleted(objects: ObjectStore) -> None:
    content = b"0123456789" * 100_000
    await objects.put("jobs/1/a", stream(content))
    async with objects.open("jobs/1/a") as file:
        head = file.read(10)
        assert await objects.delete_prefix("jobs/1") == 1
        assert head + file.read() == content
    assert await keys(objects) == []


async def test_a_deleted_prefix_can_be_used_again(objects: ObjectStore) -> None:
    await put_all(objects, "jobs/1/a")
    await objects.delete_prefix("jobs/1")
    await put_all(objects, "jobs/1/a")
    assert await keys(objects) == ["jobs/1/a"]


async def test_objects_are_listed_in_the_order_of_their_keys(objects: ObjectStore) -> None:
    names = ["a-b", "a/b", "a/b-c/d", "a/b/c", "a0", "b", "Z", "é", "a.b"]
    names.remove("a/b")  # "a/b/c" runs through it, which not every store can hold
    await put_all(objects, *names)
    assert await keys(objects) == sorted(names)
    assert await keys(objects, "a") == ["a/b-c/d", "a/b/c"]
    assert await keys(objects, "a/b/") == ["a/b/c"]
    assert await keys(objects, "nothing") == []


async def test_a_listing_gives_sizes_and_times(objects: ObjectStore) -> None:
    put = await objects.put("a", stream(b"12345"))
    (listed,) = [stored async for stored in objects.list("")]
    assert (listed.size, listed.sha256) == (5, None)
    assert listed.modified_at.tzinfo is not None
    assert abs((listed.modified_at - put.modified_at).total_seconds()) < 2


async def test_a_long_listing_is_whole(objects: ObjectStore) -> None:
    names = [f"p/{number:04d}" for number in range(1_100)]
    await put_all(objects, *names)
    assert await keys(objects, "p") == names


async def test_a_presigned_url_reads_the_object(objects: ObjectStore) -> None:
    await objects.put("folder/with space & ümlaut.txt", stream(b"content"))
    url = await objects.presign("folder/with space & ümlaut.txt", 60)
    with await asyncio.to_thread(urllib.request.urlopen, url) as response:
        assert response.read() == b"content"


async def test_puts_at_the_same_time_do_not_mix(objects: ObjectStore) -> None:
    contents = {f"k/{number}": bytes([number]) * 100_000 for number in range(20)}
    await asyncio.gather(*(objects.put(key, stream(text[:50_000], text[50_000:])) for key, text in contents.items()))
    for key, text in contents.items():
        async with objects.open(key) as file:
            assert file.read() == text
