"""How ids, ranks and call seeds are made: the same inputs give the same id in every process.

The Rust consumer has the same in `consumer/src/ids.rs`; `schemas/examples/ids.json` holds both to it.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping

_IDEMPOTENCY_NAMESPACE = uuid.UUID("6f0f4c3e-6a5b-5f52-9b1e-3d8f4f0c7a11")

ACCEPTED_RANK = 1 << 40
"""External version of an accepted slot: above that of any round, so it is never overwritten."""

RELEASED_RANK = ACCEPTED_RANK + 1
"""Of the same record once a version shows it: only a release writes it, and it changes nothing but `since`."""

ENDED_RANK = ACCEPTED_RANK + 2
"""Of a released record that later versions no longer show; `until` is set."""


def record_id(job_id: str, slot: int) -> str:
    """The id of a slot's document, accepted or not."""
    return f"{job_id}-{slot}"


def attempt_id(job_id: str, slot: int, round_: int, attempt: int) -> str:
    """The id of one try at a slot; rounds and attempts count from 1."""
    return f"{record_id(job_id, slot)}-{round_}-{attempt}"


def request_id(job_id: str, round_: int, first_slot: int) -> str:
    """The id of a generation request; a chunk published again carries the same ids."""
    return f"{job_id}-{round_}-{first_slot}"


def job_message_id(job_id: str, round_: int) -> str:
    """`job_id` for the first round, so that a broker's duplicate check and a person recognize it."""
    return job_id if round_ == 1 else f"{job_id}-{round_}"


def failed_rank(round_: int, *, parked: bool) -> int:
    """External version of an exhausted or parked slot: a later round outranks an earlier one."""
    return 2 * round_ + (1 if parked else 0)


def call_seed(recipe_seed: int, slot: int, round_: int, attempt: int) -> int:
    """The `seed` of an LLM call, 0 to 2**31 - 1; it never depends on the job id (design law 8)."""
    digest = hashlib.sha256(f"{recipe_seed}:{slot}:{round_}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def claim_id(tenant: str, dataset: str, content_hash: str) -> str:
    """The id under which a record's content can be claimed once in a dataset."""
    return hashlib.sha256(f"{tenant}\n{dataset}\n{content_hash}".encode()).hexdigest()


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, not ASCII-escaped."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def row_hash(row: Mapping[str, object]) -> str:
    """The sha256 of a row's canonical JSON."""
    return hashlib.sha256(canonical_json(row).encode()).hexdigest()


def seed_id(tenant: str, source_key: str, key: str) -> str:
    """A seed's lasting id, 32 hex digits.

    `key` is the value of the recipe's key column, or `row_hash` and the occurrence joined by ":".
    """
    return hashlib.sha256(f"{tenant}\n{source_key}\n{key}".encode()).hexdigest()[:32]


def seed_set_id(tenant: str, source_key: str, file_sha256: str, extraction: Mapping[str, object]) -> str:
    """The id of all seeds that one file gives under one way of extraction, 32 hex digits."""
    text = f"{tenant}\n{source_key}\n{file_sha256}\n{canonical_json(extraction)}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def seed_document_id(seed_set: str, ordinal: int) -> str:
    """The `_id` of a seed's document: found by position, without a search."""
    return f"{seed_set}-{ordinal}"


def job_id_from_key(tenant: str, idempotency_key: str) -> str:
    """The job id that belongs to a client's Idempotency-Key."""
    return str(uuid.uuid5(_IDEMPOTENCY_NAMESPACE, f"{tenant}\n{idempotency_key}"))
