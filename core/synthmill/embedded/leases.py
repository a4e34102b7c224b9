"""The statements of the durable queue, each a function over an open connection.

A message that nobody has in hand is deliverable when its `due` has come: 0 is "now", a delay puts it into the future.
It is 0 again when it has come, so that the index gives the next messages in their order however many are delayed. One
in hand has no `due` but an `owner` and the end of its lease.

Delays are counted in seconds since 1970, because they outlast a restart of the machine. Leases are counted by the
clock that all processes share and nobody sets, which stands still while the machine sleeps: a laptop that wakes up
finds its leases as they were. After a restart of the machine they mean nothing, but then all owners are dead.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from synthmill.embedded.sqlite import Connection
from synthmill.ports.broker import (
    EVIDENCE_PREFIX,
    ORIGINAL_QUEUE_HEADER,
    STARTED_HEADER,
    Delivery,
    Message,
    Queue,
)

DELIVERY_LIMIT = 20
"""Deliveries that may end without a settlement, as in schemas/queues.toml; one more and the message is dead."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, by both clocks, in seconds."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> Self:
        """The present moment."""
        return cls(time.time(), time.monotonic())


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery and how to name this one lease of its message."""

    delivery: Delivery
    seq: int
    turn: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a queue has for a consumer: something now, or the time when the next becomes due (None: nothing waits)."""

    ready: bool
    next_due: float | None


def publish(connection: Connection, queue: Queue, messages: Sequence[Message]) -> None:
    """Adds what is not in the queue yet; an id that is still there, in hand or not, is the same message."""
    connection.executemany(
        "INSERT INTO messages (queue, message_id, body, headers) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (queue, message_id) DO NOTHING",
        ((queue, m.message_id, m.body, json.dumps(dict(m.headers))) for m in messages),
    )


def look(connection: Connection, queue: Queue, owner: str, now: Moment) -> Look:
    """Whether a lease by `owner` would give something."""
    row = connection.execute(
        "SELECT due FROM messages WHERE queue = ? AND due >= 0 ORDER BY due LIMIT 1", (queue,)
    ).fetchone()
    due: float | None = row[0] if row else None
    ready = due is not None and due <= now.wall
    return Look(ready or _has_ended_leases(connection, queue, owner, now), due)


def lease(connection: Connection, queue: Queue, owner: str, count: int, now: Moment, seconds: float) -> list[Leased]:
    """Takes up to `count` messages in the order in which they were published, for `seconds`."""
    connection.execute("UPDATE messages SET due = 0 WHERE queue = ? AND due > 0 AND due <= ?", (queue, now.wall))
    _lose(connection, _ENDED, (queue, now.steady, owner))
    rows = connection.execute(
        "UPDATE messages SET owner = ?, due = NULL, lease_ends = ?, deliveries = deliveries + 1, began = 0"
        " WHERE seq IN (SELECT seq FROM messages WHERE queue = ? AND due = 0 ORDER BY seq LIMIT ?)"
        " RETURNING seq, deliveries, message_id, body, headers, lost, started",
        (owner, now.steady + seconds, queue, count),
    ).fetchall()
    return [
        Leased(
            Delivery(queue, Message(message_id, body, json.loads(headers)), f"{seq}.{turn}", lost > 0, started),
            seq,
            turn,
        )
        for seq, turn, message_id, body, headers, lost, started in sorted(rows)
    ]


def renew(connection: Connection, owner: str, now: Moment, seconds: float) -> None:
    """Prolongs all leases that the owner still has to `seconds` from now."""
    connection.execute("UPDATE messages SET lease_ends = ? WHERE owner = ?", (now.steady + seconds, owner))


def begin(connection: Connection, owner: str, leased: Leased) -> int:
    """Counts that handling begins, once per lease; answers how often it did for this message."""
    row = connection.execute(
        f"UPDATE messages SET started = started + 1 - began, began = 1 WHERE {_MINE} RETURNING started",
        _mine(owner, leased),
    ).fetchone()
    if row is None:  # taken back meanwhile: whoever has it now does the counting
        row = connection.execute("SELECT started FROM messages WHERE seq = ?", (leased.seq,)).fetchone()
    return max(row[0], 1) if row else 1


def acknowledge(connection: Connection, owner: str, leased: Leased) -> None:
    """Forgets the message."""
    connection.execute(f"DELETE FROM messages WHERE {_MINE}", _mine(owner, leased))


def release(connection: Connection, owner: str, leased: Leased, due: float = 0.0) -> None:
    """Puts the message back as if it had never been delivered, to be delivered at `due` or later."""
    connection.execute(
        f"UPDATE messages SET {_FREE}, due = ?, started = started - began, began = 0 WHERE {_MINE}",
        (due, *_mine(owner, leased)),
    )


def publish_anew(connection: Connection, owner: str, leased: Leased, due: float = 0.0) -> None:
    """Puts the message back behind all others as if it had just been published, to be delivered at `due` or later."""
    if connection.execute(f"DELETE FROM messages WHERE {_MINE} RETURNING seq", _mine(owner, leased)).fetchone():
        queue, message = leased.delivery.queue, leased.delivery.message
        publish(connection, queue, [message])
        connection.execute(
            "UPDATE messages SET due = ? WHERE queue = ? AND message_id = ?", (due, queue, message.message_id)
        )


def retry(connection: Connection, owner: str, leased: Leased, due: float, evidence: Mapping[str, str]) -> None:
    """Puts the message back with what is known of it, to be delivered at `due` or later."""
    headers = json.dumps(dict(leased.delivery.message.headers) | _as_headers(evidence))
    connection.execute(
        f"UPDATE messages SET {_FREE}, due = ?, headers = ? WHERE {_MINE}", (due, headers, *_mine(owner, leased))
    )


def bury(connection: Connection, owner: str, leased: Leased, evidence: Mapping[str, str]) -> None:
    """Moves the message to its dead queue."""
    if connection.execute(f"SELECT 1 FROM messages WHERE {_MINE}", _mine(owner, leased)).fetchone():
        _move_to_dead(connection, leased.seq, evidence)


def take_back(connection: Connection, owner: str) -> set[Queue]:
    """Frees all that the owner holds, and forgets the owner; answers the queues that got something back."""
    queues = _lose(connection, "owner = ?", (owner,))
    connection.execute("DELETE FROM owners WHERE owner = ?", (owner,))
    return queues


def register(connection: Connection, owner: str, queue: Queue) -> None:
    """Makes the owner known, so that others can see when it dies."""
    connection.execute("INSERT INTO owners (owner, queue) VALUES (?, ?)", (owner, queue))


def owners(connection: Connection, queue: Queue) -> list[str]:
    """The owners that consume the queue, dead ones included."""
    return [owner for (owner,) in connection.execute("SELECT owner FROM owners WHERE queue = ?", (queue,))]


def counts(connection: Connection, queue: Queue) -> tuple[int, int]:
    """How many messages are ready (delayed ones too), and how many are in hand."""
    (held,) = connection.execute("SELECT count(*) FROM messages WHERE queue = ?", (queue,)).fetchone()
    (unsettled,) = connection.execute(
        "SELECT count(*) FROM messages WHERE queue = ? AND lease_ends IS NOT NULL", (queue,)
    ).fetchone()
    return held - unsettled, unsettled


_MINE = "seq = ? AND deliveries = ? AND owner = ?"
_FREE = "owner = NULL, lease_ends = NULL"
# a consumer that was held up for long finds its own leases ended, but it still has those messages in hand
_ENDED = "queue = ? AND lease_ends <= ? AND owner <> ?"


def _as_headers(evidence: Mapping[str, str]) -> dict[str, str]:
    return {EVIDENCE_PREFIX + name: text for name, text in evidence.items()}


def _mine(owner: str, leased: Leased) -> tuple[int, int, str]:
    return leased.seq, leased.turn, owner


def _has_ended_leases(connection: Connection, queue: Queue, owner: str, now: Moment) -> bool:
    row = connection.execute(f"SELECT 1 FROM messages WHERE {_ENDED} LIMIT 1", (queue, now.steady, owner)).fetchone()
    return row is not None


def _lose(connection: Connection, condition: str, parameters: tuple[str | float, ...]) -> set[Queue]:
    rows = connection.execute(
        f"UPDATE messages SET {_FREE}, due = 0, lost = lost + 1 WHERE {condition} RETURNING seq, queue, lost",
        parameters,
    ).fetchall()
    queues = {Queue(queue) for _, queue, _ in rows}
    for seq, queue, lost in rows:
        if lost > DELIVERY_LIMIT and Queue(queue).has_dead:
            _move_to_dead(connection, seq, {"reason": f"delivered {lost} times and never settled"})
            queues.add(Queue(queue).dead)
    return queues


def _move_to_dead(connection: Connection, seq: int, evidence: Mapping[str, str]) -> None:
    queue, message_id, body, headers, started = connection.execute(
        "SELECT queue, message_id, body, headers, started FROM messages WHERE seq = ?", (seq,)
    ).fetchone()
    dead = Queue(queue).dead
    told = json.loads(headers) | _as_headers(evidence)
    told |= {ORIGINAL_QUEUE_HEADER: queue, STARTED_HEADER: str(started)}
    # it may have died before and been replayed: the newer evidence counts
    connection.execute("DELETE FROM messages WHERE seq = ? OR (queue = ? AND message_id = ?)", (seq, dead, message_id))
    publish(connection, dead, [Message(message_id, body, told)])
