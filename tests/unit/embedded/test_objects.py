"""What the folder store does beyond the port's contract."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from synthmill.embedded import DirectoryObjectStore
from synthmill.errors import BadKey, StorageFull


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """The chunks, one after the other."""
    for chunk in chunks:
        yield chunk


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryObjectStore:
    """A store in a folder of its own."""
    return DirectoryObjectStore(tmp_path)


def left(folder: Path) -> list[str]:
    """All files and folders below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def test_nothing_is_left_of_a_put_but_the_file(objects: DirectoryObjectStore, tmp_path: Path) -> None:
    await objects.put("a/b", stream(b"x"))
    assert left(tmp_path) == ["files", "files/a", "files/a/b", "partial"]


async def test_empty_folders_go_with_their_last_object(objects: DirectoryObjectStore, tmp_path: Path) -> None:
    for key in ("jobs/1/deep/a", "jobs/1/b", "jobs/2/c"):
        await objects.put(key, stream(b"x"))
    assert await objects.delete_prefix("jobs/1") == 2
    assert left(tmp_path / "files") == ["jobs", "jobs/2", "jobs/2/c"]
    assert await objects.delete_prefix("jobs/2") == 1
    assert left(tmp_path / "files") == []


@pytest.mark.parametrize("key", ["a", "a/b/c"])
async def test_a_key_through_another_object_is_refused(objects: DirectoryObjectStore, key: str) -> None:
    await objects.put("a/b", stream(b"kept"))
    with pytest.raises(BadKey):
        await objects.put(key, stream(b"x"))
    async with objects.open("a/b") as file:
        assert file.read() == b"kept"


async def test_a_dead_writers_rest_is_discarded_and_a_living_ones_is_not(
    objects: DirectoryObjectStore, tmp_path: Path
) -> None:
    reached, release = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"first"
        reached.set()
        await release.wait()
        yield b"last"

    assert await objects.discard_broken_puts() == 0
    putting = asyncio.create_task(objects.put("slow", slow()))
    await reached.wait()
    (tmp_path / "partial" / "of-a-dead-writer").write_bytes(b"half")
    assert await objects.discard_broken_puts() == 1
    release.set()
    assert (await putting).size == 9
    assert left(tmp_path / "partial") == []


async def test_a_prefix_deleted_again_and_again_does_not_break_a_put(objects: DirectoryObjectStore) -> None:
    async def delete() -> None:
        while not done.is_set():
            await objects.delete_prefix("jobs")

    done = asyncio.Event()
    deleting = asyncio.create_task(delete())
    for number in range(100):
        assert (await objects.put(f"jobs/{number}/file", stream(b"x"))).size == 1
    done.set()
    await deleting


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_told_and_leaves_nothing(small_disk: Path) -> None:
    objects = DirectoryObjectStore(small_disk)
    await objects.put("kept", stream(b"x"))
    with pytest.raises(StorageFull, match="no space"):
        await objects.put("large", stream(bytes(100_000), bytes(200_000)))
    assert [stored.key async for stored in objects.list("")] == ["kept"]
    assert left(small_disk / "partial") == []
    await objects.put("fits", stream(bytes(50_000)))
