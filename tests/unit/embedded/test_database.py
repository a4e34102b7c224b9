"""Transactions of the shared file: who is in them, what they leave behind, and how they share commits."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from synthmill.embedded import Database
from synthmill.embedded.database import finished
from synthmill.embedded.sqlite import Connection, Durability, Work
from synthmill.errors import StoreUnavailable


def add(text: str) -> Work[str]:
    """A work that adds a row."""

    def work(connection: Connection) -> str:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT UNIQUE)")
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return text

    return work


def fail(connection: Connection) -> None:
    """A work that changes something and then fails."""
    add("half")(connection)
    raise RuntimeError("in mid-work")


def notes(path: Path) -> list[str]:
    """What another process sees."""
    connection = sqlite3.connect(path)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY rowid")]
    finally:
        connection.close()


async def test_a_write_is_there_for_other_processes_when_it_returns(database: Database, path: Path) -> None:
    assert await database.write(add("a")) == "a"
    assert notes(path) == ["a"]


async def test_a_transaction_is_seen_as_a_whole_or_not_at_all(database: Database, path: Path) -> None:
    await database.write(add("before"))
    async with database.transaction():
        await database.write(add("a"))
        await database.write(add("b"))
        assert notes(path) == ["before"]
    assert notes(path) == ["before", "a", "b"]


async def test_a_transaction_that_fails_leaves_nothing(database: Database, path: Path) -> None:
    async def failing() -> None:
        async with database.transaction():
            await database.write(add("a"))
            raise RuntimeError("outside")

    await database.write(add("before"))
    with pytest.raises(RuntimeError, match="outside"):
        await failing()
    assert notes(path) == ["before"]
    await database.write(add("after"))
    assert notes(path) == ["before", "after"]


async def test_a_transaction_in_a_transaction_joins_it(database: Database, path: Path) -> None:
    async def failing() -> None:
        async with database.transaction():
            async with database.transaction():
                await database.write(add("inner"))
            raise RuntimeError("outer")

    await database.write(add("before"))
    with pytest.raises(RuntimeError, match="outer"):
        await failing()
    assert notes(path) == ["before"]


async def test_a_work_that_fails_inside_a_transaction_is_undone_alone(database: Database, path: Path) -> None:
    async with database.transaction():
        await database.write(add("a"))
        with pytest.raises(RuntimeError, match="mid-work"):
            await database.write(fail)
        await database.write(add("b"))
    assert notes(path) == ["a", "b"]


async def test_a_transaction_reads_its_own_writes_and_others_do_not(database: Database) -> None:
    def count(connection: Connection) -> int:
        (number,) = connection.execute("SELECT count(*) FROM notes").fetchone()
        return int(number)

    await database.write(add("before"))
    async with database.transaction():
        await database.write(add("a"))
        assert await database.read(count) == 2
        assert await database.read_committed(count) == 1
        assert await asyncio.create_task(database.read(count)) == 1


async def test_other_tasks_wait_for_the_end_of_a_transaction(database: Database, path: Path) -> None:
    async with database.transaction():
        other = asyncio.create_task(database.write(add("other")))
        await database.write(add("a"))
        assert not other.done()
    await other
    assert notes(path) == ["a", "other"]


async def test_many_tasks_with_transactions_of_their_own_do_not_mix(database: Database, path: Path) -> None:
    await database.write(add("before"))

    async def pair(number: int) -> None:
        async with database.transaction():
            await database.write(add(f"{number}-a"))
            await asyncio.sleep(0)
            await database.write(add(f"{number}-b"))
            if number % 3 == 0:
                raise RuntimeError("no")

    outcomes = await asyncio.gather(*(pair(number) for number in range(30)), return_exceptions=True)
    assert sum(isinstance(outcome, RuntimeError) for outcome in outcomes) == 10
    expected = [f"{number}-{half}" for number in range(30) if number % 3 for half in "ab"]
    assert notes(path)[1:] == expected


async def test_writes_that_wait_together_succeed_and_fail_each_for_itself(database: Database, path: Path) -> None:
    works: list[Work[str] | Work[None]] = [fail if number % 5 == 0 else add(str(number)) for number in range(50)]
    outcomes = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    assert [isinstance(outcome, RuntimeError) for outcome in outcomes] == [number % 5 == 0 for number in range(50)]
    assert notes(path) == [str(number) for number in range(50) if number % 5]


async def test_a_commit_waits_for_the_disk_unless_all_its_writes_can_do_without(database: Database) -> None:
    def level(connection: Connection) -> int:
        (number,) = connection.execute("PRAGMA synchronous").fetchone()
        return int(number)

    normal, full = 1, 2
    assert await database.write(level, durability=Durability.KILL) == normal
    assert await database.write(level) == full
    together = [database.write(level, durability=durability) for durability in (Durability.KILL, *Durability)]
    assert await asyncio.gather(*together) == [full] * 3
    assert await database.write(level, durability=Durability.KILL) == normal
    async with database.transaction():
        assert await database.write(level, durability=Durability.KILL) == full


async def test_after_a_commit_and_only_then_the_callback_runs(database: Database, path: Path) -> None:
    called: list[str] = []

    async def undone() -> None:
        async with database.transaction():
            await database.write(add("c"), after=lambda: called.append("c"))
            raise RuntimeError("undo")

    await database.write(add("a"), after=lambda: called.append("a"))
    assert called == ["a"]
    async with database.transaction():
        await database.write(add("b"), after=lambda: called.append("b"))
        assert called == ["a"]
    assert called == ["a", "b"]
    with pytest.raises(RuntimeError, match="mid-work"):
        await database.write(fail, after=lambda: called.append("failed"))
    with pytest.raises(RuntimeError, match="undo"):
        await undone()
    assert called == ["a", "b"]
    assert notes(path) == ["a", "b"]


async def test_a_cancelled_transaction_leaves_nothing_and_blocks_nobody(database: Database, path: Path) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction():
            await database.write(add("cancelled"))
            inside.set()
            await asyncio.Event().wait()

    await database.write(add("before"))
    hanging = asyncio.create_task(hang())
    await inside.wait()
    hanging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging
    await database.write(add("after"))
    assert notes(path) == ["before", "after"]


async def test_cancelling_at_any_moment_never_leaves_a_transaction_open(database: Database, path: Path) -> None:
    async def one(number: int) -> None:
        async with database.transaction():
            await database.write(add(f"{number}-a"))
            await database.write(add(f"{number}-b"))

    for steps in range(40):
        task = asyncio.create_task(one(steps))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await database.write(add("after"))
    kept = notes(path)
    assert kept[-1] == "after"
    assert all(kept.count(f"{number}-a") == kept.count(f"{number}-b") for number in range(40))


async def test_a_cancelled_write_does_not_take_others_with_it(database: Database, path: Path) -> None:
    tasks = [asyncio.create_task(database.write(add(str(number)))) for number in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert outcomes[1::2] == [str(number) for number in range(1, 20, 2)]
    assert {str(number) for number in range(1, 20, 2)} <= set(notes(path))


async def test_what_is_waited_for_ends_before_the_cancellation_goes_on() -> None:
    release = asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        await release.wait()
        ended.append("work")

    waiting = asyncio.create_task(finished(asyncio.ensure_future(work())))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["work"]


async def test_a_closed_database_says_so(path: Path) -> None:
    database = await Database.open(path)
    await database.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write(add("a"))
    await database.close()
