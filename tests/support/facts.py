"""Reads a home folder's facts past every service: what is stored, whatever the programs say."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs

from synthmill.recipes.compile import recompile
from synthmill_schemas.ids import record_id
from synthmill_schemas.job import JobDocument

_DOCUMENTS = """
    SELECT documents.document FROM documents JOIN places ON places.number = documents.place
    WHERE places.collection = ?
"""


def documents(home: Path, collection: str) -> list[dict[str, Any]]:
    """All documents of a collection, read with plain SQL."""
    with sqlite3.connect(f"file:{home / 'synthmill.db'}?mode=ro", uri=True) as connection:
        rows = connection.execute(_DOCUMENTS, (collection,)).fetchall()
    connection.close()
    return [json.loads(row[0]) for row in rows]


def job_document(home: Path, job_id: str) -> JobDocument:
    """The job document as it is stored."""
    return next(JobDocument.model_validate(job) for job in documents(home, "jobs") if job["job_id"] == job_id)


def assert_sound(home: Path, job_id: str, records: int) -> list[dict[str, Any]]:
    """Exactly `records` accepted slots, ids 0 to N-1, each valid, no content twice; answers them in slot order."""
    slots = sorted((s for s in documents(home, "slots") if s["job_id"] == job_id), key=lambda s: int(s["slot"]))
    assert_all_accepted(job_document(home, job_id), slots, records)
    return slots


def assert_all_accepted(job: JobDocument, slots: Sequence[Mapping[str, Any]], records: int) -> None:
    """The same of slot documents that were read, in the order of their slots, wherever they lay."""
    assert [slot["slot"] for slot in slots] == list(range(records))
    assert {slot["record_id"] for slot in slots} == {record_id(job.job_id, slot) for slot in range(records)}
    assert {slot["state"] for slot in slots} == {"accepted"}
    validator = jsonschema_rs.validator_for(recompile(job.recipe).record_schema, offline=True)
    invalid = [(slot["record_id"], slot["data"]) for slot in slots if not validator.is_valid(slot["data"])]
    assert not invalid
    contents = Counter(slot["content_hash"] for slot in slots)
    assert [content for content, times in contents.items() if times > 1] == []


def record_of(attempt_id: str) -> str:
    """The record that an attempt belongs to: the id without round and attempt."""
    return attempt_id.rsplit("-", 2)[0]


def paid_twice(attempt_ids_of_answers: Iterable[str]) -> int:
    """Answers beyond the first for the same record."""
    answers = Counter(record_of(attempt) for attempt in attempt_ids_of_answers)
    return sum(times - 1 for times in answers.values())
