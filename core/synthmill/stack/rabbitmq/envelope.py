"""A message as RabbitMQ carries it: its own headers, and ours about it, which nobody else sees."""

import uuid
from collections.abc import Mapping

from aio_pika import DeliveryMode
from aio_pika import Message as AmqpMessage
from aio_pika.abc import AbstractIncomingMessage, HeadersType

from synthmill.ports.broker import EVIDENCE_PREFIX, ORIGINAL_QUEUE_HEADER, STARTED_HEADER, Message, Queue

COPY_HEADER = "x-synthmill-copy"
"""Names this one copy of a message: an id may be published twice, and each copy has a life of its own."""

BEGUN_HEADER = "x-synthmill-begun"
"""How often handling began before this copy was made."""

MAX_HEADER_BYTES = 64 << 10
"""Headers travel in one frame, and a frame has 128 KiB; one that does not fit would end the connection."""

MAX_EVIDENCE_CHARACTERS = 4_000
"""Of one piece; pieces that do not fit into half the headers' room are left out, which no service comes near."""

_OURS = {COPY_HEADER, BEGUN_HEADER}
_BROKERS = {"x-death", "x-delivery-count", "x-acquired-count"}
_BROKERS_PREFIXES = ("x-first-death-", "x-last-death-", "x-opt-")


def enclose(message: Message, *, begun: int = 0) -> AmqpMessage:
    """A new persistent copy; `ValueError` when its headers are too large to travel."""
    headers = {**message.headers, COPY_HEADER: uuid.uuid4().hex}
    if begun:
        headers[BEGUN_HEADER] = str(begun)
    size = sum(len(name.encode()) + len(value.encode()) for name, value in headers.items())
    if size > MAX_HEADER_BYTES:
        raise ValueError(f"message {message.message_id} has {size} bytes of headers, at most {MAX_HEADER_BYTES}")
    told: HeadersType = dict(headers)
    return AmqpMessage(message.body, message_id=message.message_id, headers=told, delivery_mode=DeliveryMode.PERSISTENT)


def disclose(incoming: AbstractIncomingMessage, queue: Queue) -> Message:
    """The message as it was published."""
    headers = {name: _text(value) for name, value in incoming.headers.items() if _is_the_publishers(name)}
    if not queue.has_dead and ORIGINAL_QUEUE_HEADER not in headers:
        headers |= _last_words(incoming, queue)
    return Message(incoming.message_id or "", incoming.body, headers)


def copy_of(incoming: AbstractIncomingMessage) -> str | None:
    """Which copy this is; None when somebody else published it."""
    name = incoming.headers.get(COPY_HEADER)
    return name if isinstance(name, str) else None


def begun_before(incoming: AbstractIncomingMessage) -> int:
    """How often handling began before this copy was made."""
    count = incoming.headers.get(BEGUN_HEADER)
    return int(count) if isinstance(count, str) and count.isdecimal() else 0


def with_evidence(message: Message, evidence: Mapping[str, str]) -> Message:
    """The message with what is known of it in its headers."""
    headers, room = dict(message.headers), MAX_HEADER_BYTES // 2
    for name, text in evidence.items():
        cut = text[:MAX_EVIDENCE_CHARACTERS]
        room -= len(name.encode()) + len(cut.encode())
        if room >= 0:
            headers[EVIDENCE_PREFIX + name] = cut
    return Message(message.message_id, message.body, headers)


def dead_letter(message: Message, queue: Queue, started: int) -> Message:
    """The message as it goes to its dead queue."""
    headers = {**message.headers, ORIGINAL_QUEUE_HEADER: queue.value, STARTED_HEADER: str(started)}
    return Message(message.message_id, message.body, headers)


def _last_words(incoming: AbstractIncomingMessage, queue: Queue) -> dict[str, str]:
    """What a dead letter says that the broker itself moved, after too many deliveries."""
    original = next((each for each in Queue if each.has_dead and each.dead is queue), queue)
    reason = _text(incoming.headers.get("x-first-death-reason", "not told"))
    text = f"the broker gave it up ({reason}): it was delivered too often and never settled"
    return {ORIGINAL_QUEUE_HEADER: original.value, EVIDENCE_PREFIX + "reason": text}


def _is_the_publishers(name: str) -> bool:
    return name not in _OURS and name not in _BROKERS and not name.startswith(_BROKERS_PREFIXES)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
