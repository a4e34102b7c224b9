"""The fields of every kind of document, strict: what is not here is refused.

`VERSION` rises with every change. Fields can be added at any time; a type, once there, stays.
"""

from typing import Any

from synthmill.ports.records import Collection
from synthmill.stack.elastic.names import DOC_ID, DOC_TENANT

VERSION = 9

Mapping = dict[str, Any]

LONGEST_KEYWORD = 8_191
"""Characters; Lucene takes terms of 32,766 bytes, a character can have four. Longer text is kept, but not a value."""

DEEPEST_JSON = 100
"""Levels of free JSON that are taken; Elasticsearch's own default of 20 would refuse what a user may write."""

WORD: Mapping = {"type": "keyword", "ignore_above": LONGEST_KEYWORD}
TEXT: Mapping = {**WORD, "fields": {"text": {"type": "text", "analyzer": "words"}}}
LONG: Mapping = {"type": "long", "coerce": False}
DOUBLE: Mapping = {"type": "double", "coerce": False}
BOOLEAN: Mapping = {"type": "boolean"}
MOMENT: Mapping = {"type": "date_nanos"}
KEPT: Mapping = {"type": "object", "enabled": False}  # any JSON, stored and not looked into
LONG_TEXT: Mapping = {"type": "keyword", "index": False, "doc_values": False}
FREE: Mapping = {"type": "flattened", "ignore_above": 1_024, "depth_limit": DEEPEST_JSON}


def _object(**properties: Mapping) -> Mapping:
    return {"properties": properties}


_LEASE = _object(owner=WORD, expires_at=MOMENT)
_LINEAGE = _object(
    source=WORD,
    sha256=WORD,
    row=LONG,
    line=LONG,
    char_start=LONG,
    char_end=LONG,
    page=LONG,
    sheet=WORD,
    headings=WORD,
)
_PROVENANCE = _object(
    route=WORD,
    model=WORD,
    parameters=FREE,
    prompt_hash=WORD,
    call_id=WORD,
    seed=LONG,
    round=LONG,
    attempt=LONG,
    rung=WORD,
    repairs=WORD,
    prompt_tokens=LONG,
    completion_tokens=LONG,
    cost_usd=DOUBLE,
    recipe_hash=WORD,
    consumer=WORD,
)

_FIELDS: dict[Collection, Mapping] = {
    Collection.RECIPES: {
        "name": WORD,
        "recipe_version": LONG,
        "recipe_hash": WORD,
        "recipe": KEPT,
        "created_at": MOMENT,
    },
    Collection.SOURCES: {
        "source_id": WORD,
        "name": WORD,
        "kind": WORD,
        "sha256": WORD,
        "size": LONG,
        "object_key": WORD,
        "created_at": MOMENT,
    },
    Collection.KEYS: {
        "prefix": WORD,
        "for_tenant": WORD,
        "name": WORD,
        "hash": LONG_TEXT,
        "scopes": WORD,
        "roles": WORD,
        "created_at": MOMENT,
        "created_by": WORD,
        "expires_at": MOMENT,
        "revoked_at": MOMENT,
        "last_used_at": MOMENT,
        "successor": WORD,
    },
    Collection.JOBS: {
        "job_id": WORD,
        "dataset": WORD,
        "recipe": KEPT,
        "recipe_hash": WORD,
        "sources": KEPT,
        "records": LONG,
        "state": WORD,
        "reason": WORD,
        "round": LONG,
        "round_scope": WORD,
        "max_attempts": LONG,
        "planner": _LEASE,
        "checkpoint": _object(round=LONG, next_slot=LONG),
        "flow_run_id": WORD,
        "flow": _LEASE,
        "continuations": LONG,
        "outputs": KEPT,
        "temporary_files": WORD,
        "traceparent": WORD,
        "labels": FREE,
        "about": TEXT,
        "purpose": WORD,
        "refresh": KEPT,
        "budget": KEPT,
        "paused_by": WORD,
        "keyless": BOOLEAN,
        "earlier_records": LONG,
        "rounds_from": LONG,
        "revisions": KEPT,
        "history": KEPT,
        "untold": LONG,
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
    Collection.INPUTS: {
        "seed_set": WORD,
        "ordinal": LONG,
        "seed_id": WORD,
        "data": FREE,
        "lineage": _LINEAGE,
        "created_at": MOMENT,
    },
    Collection.SLOTS: {
        "dataset": WORD,
        "job_id": WORD,
        "record_id": WORD,
        "slot": LONG,
        "state": WORD,
        "round": LONG,
        "reject_class": WORD,
        "reason": WORD,
        "seed_id": WORD,
        "lineage": _LINEAGE,
        "attributes": FREE,
        "content_hash": WORD,
        "bands": WORD,
        "provenance": _PROVENANCE,
        "since": LONG,
        "until": LONG,
        "written_at": MOMENT,
    },
    Collection.REJECTS: {
        "dataset": WORD,
        "job_id": WORD,
        "reject_id": WORD,
        "record_id": WORD,
        "slot": LONG,
        "round": LONG,
        "attempt": LONG,
        "reject_class": WORD,
        "reason": WORD,
        "raw": LONG_TEXT,
        "lineage": _LINEAGE,
        "call_id": WORD,
        "prompt_tokens": LONG,
        "completion_tokens": LONG,
        "cost_usd": DOUBLE,
        "at": MOMENT,
    },
    Collection.EVENTS: {
        "event_id": WORD,
        "job_id": WORD,
        "service": WORD,
        "name": WORD,
        "level": WORD,
        "message": TEXT,
        "fields": FREE,
        "at": MOMENT,
    },
    Collection.CALLS: {
        "dataset": WORD,
        "job_id": WORD,
        "call_id": WORD,
        "request_id": WORD,
        "round": LONG,
        "attempt_ids": WORD,
        "outcome": WORD,
        "status": LONG,
        "rung": WORD,
        "route": WORD,
        "model": WORD,
        "seed": LONG,
        "prompt_hash": WORD,
        "prompt_tokens": LONG,
        "completion_tokens": LONG,
        "cost_usd": DOUBLE,
        "latency_ms": LONG,
        "at": MOMENT,
    },
    Collection.CLAIMS: {"dataset": WORD, "content_hash": WORD, "record_id": WORD, "job_id": WORD, "at": MOMENT},
    Collection.REPORTS: {
        "kind": WORD,
        "report_id": WORD,
        "dataset": WORD,
        "job_id": WORD,
        "round": LONG,
        "queue": WORD,
        "message_id": WORD,
        "reason": WORD,
        "reject_class": WORD,
        "state": WORD,
        "at": MOMENT,
    },
    Collection.VERSIONS: {
        "kind": WORD,
        "dataset": WORD,
        "number": LONG,
        "latest": LONG,
        "job_id": WORD,
        "releasing": _object(number=LONG, job_id=WORD, owner=WORD, expires_at=MOMENT),
        "records": LONG,
        "added": LONG,
        "ended": LONG,
        "released_at": MOMENT,
        "updated_at": MOMENT,
    },
    Collection.STARTS: {"queue": WORD, "message_id": WORD, "starts": LONG, "at": MOMENT},
}

_OPEN_TO_MORE = {Collection.RECIPES, Collection.SOURCES, Collection.KEYS, Collection.REPORTS}
"""Kinds whose further fields are kept without being searchable: they have many shapes, or shapes of their service."""

REGISTRY: Mapping = {
    "dynamic": "strict",
    "_meta": {"version": VERSION},
    "properties": {
        "tenant": WORD,
        "dataset": WORD,
        "job_id": WORD,
        "indices": KEPT,
        "index": WORD,
        "latest": LONG,
    },
}
"""Which indexes a dataset has, and which of them a job writes to."""


def shared_collections() -> list[Collection]:
    """Kinds of documents whose index all tenants share."""
    return [collection for collection in _FIELDS if collection is not Collection.SLOTS]


def mapping_of(collection: Collection) -> Mapping:
    """The whole mapping of a kind; a slot's `data` comes with its dataset."""
    return {
        "dynamic": False if collection in _OPEN_TO_MORE else "strict",
        "_meta": {"version": VERSION},
        "properties": {"version": LONG, "tenant": WORD, DOC_ID: WORD, DOC_TENANT: WORD, **_FIELDS[collection]},
    }


FULL_TEXT: dict[Collection, list[str]] = {
    Collection.SLOTS: ["data.*.text"],
    Collection.RECORDS: ["data.*.text"],
    Collection.EVENTS: ["message.text"],
    Collection.JOBS: ["about.text"],
}
"""In which fields words are looked for; other kinds have no full text."""
