"""A message becomes a letter. It may come twice, and a replayed one may die again: both are told apart here."""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Literal

from synthmill.dead_letters.letters import change_letter, letters_of
from synthmill.ports.broker import EVIDENCE_PREFIX, ORIGINAL_QUEUE_HEADER, STARTED_HEADER, Message, Queue
from synthmill.ports.records import RecordStore, Write, WriteMode, WriteStatus
from synthmill.versioned import Changes
from synthmill_schemas.dead_letter import DeadLetterDocument, LetterState
from synthmill_schemas.slot import RejectClass

REPLAY_HEADER = "x-synthmill-replay"
"""On a message that was published again: for the how many-th time, so that its next death is no old one."""

_NO_REASON = "given up by the broker"
_PLAIN_ID = re.compile(r"[A-Za-z0-9._:-]{1,200}")
_QUEUES: dict[Queue, Literal["jobs", "generation", "exports"]] = {
    Queue.JOBS: "jobs",
    Queue.GENERATION: "generation",
    Queue.EXPORTS: "exports",
}


def letter_of(
    queue: Queue, message: Message, *, tenant: str, job_id: str | None, round_: int | None
) -> DeadLetterDocument:
    """The message as a document; `queue` is where it was before it died."""
    evidence = {
        name.removeprefix(EVIDENCE_PREFIX): told
        for name, told in message.headers.items()
        if name.startswith(EVIDENCE_PREFIX)
    }
    own = {ORIGINAL_QUEUE_HEADER, STARTED_HEADER, REPLAY_HEADER, *(EVIDENCE_PREFIX + name for name in evidence)}
    body, encoding = _text(message.body)
    starts, replay = message.headers.get(STARTED_HEADER, ""), message.headers.get(REPLAY_HEADER, "")
    return DeadLetterDocument(
        tenant=tenant,
        report_id=_id(queue, message),
        queue=_QUEUES[queue],
        message_id=message.message_id,
        job_id=job_id,
        round=round_,
        reject_class=_class(evidence),
        reason=evidence.get("reason", _NO_REASON),
        starts=int(starts) if starts.isdecimal() else None,
        evidence=evidence,
        headers={name: told for name, told in message.headers.items() if name not in own},
        body=body,
        encoding=encoding,
        replays=int(replay) if replay.isdecimal() else 0,
    )


async def keep_letter(store: RecordStore, letter: DeadLetterDocument) -> None:
    """Stores it. What was decided about it stays decided, unless this is the death of the copy that was replayed."""
    write = Write(letters_of(letter.tenant), letter.report_id, letter.model_dump(mode="json"), WriteMode.CREATE)
    (result,) = await store.bulk([write])
    if result.status is not WriteStatus.ALREADY:
        return

    def decide(kept: DeadLetterDocument) -> Changes | None:
        if kept.state is LetterState.DROPPED or letter.replays < kept.replays:
            return None
        return {name: value for name, value in letter if name not in ("decided_by", "decided_at")}

    await change_letter(store, letter.tenant, letter.report_id, decide)


def body_of(letter: DeadLetterDocument) -> bytes:
    """The message's body as it came."""
    return letter.body.encode() if letter.encoding == "utf-8" else base64.b64decode(letter.body)


def _id(queue: Queue, message: Message) -> str:
    """Ids come from whoever published: some are empty, or no part of an id or a path here."""
    if _PLAIN_ID.fullmatch(message.message_id):
        return f"dead-{queue}-{message.message_id}"
    told = message.message_id.encode("utf-8", "surrogatepass") or message.body
    return f"dead-{queue}-{hashlib.sha256(told).hexdigest()[:32]}"


def _class(evidence: Mapping[str, str]) -> RejectClass | None:
    told = evidence.get("class", "")
    return RejectClass(told) if told in set(RejectClass) else None


def _text(body: bytes) -> tuple[str, Literal["utf-8", "base64"]]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
