"""What each answer of a bulk means, on answers as Elasticsearch 9.5 gives them."""

from typing import Any

import pytest

from synthmill.errors import StorageFull, StoreUnavailable, UserError
from synthmill.ports.records import WriteMode, WriteResult, WriteStatus
from synthmill.stack.elastic.judging import Again, judge

MAPPING_FAULT = {
    "status": 400,
    "error": {
        "type": "document_parsing_exception",
        "reason": "[1:12] failed to parse field [data.score] of type [long]",
        "caused_by": {"type": "illegal_argument_exception", "reason": "Cannot parse object as number"},
    },
}
CONFLICT = {
    "status": 409,
    "error": {
        "type": "version_conflict_engine_exception",
        "reason": "[a]: version conflict, current version [5] is higher than the one provided [4]",
    },
}
BUSY = {
    "status": 429,
    "error": {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"},
}
FLOOD = {
    "status": 429,
    "error": {
        "type": "cluster_block_exception",
        "reason": "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has"
        " read-only-allow-delete block];",
    },
}
READ_ONLY = {
    "status": 403,
    "error": {
        "type": "cluster_block_exception",
        "reason": "index [x] blocked by: [FORBIDDEN/8/index write (api)];",
    },
}
FORBIDDEN = {"status": 403, "error": {"type": "security_exception", "reason": "action is unauthorized"}}
NO_INDEX = {"status": 404, "error": {"type": "index_not_found_exception", "reason": "no such index [x]"}}
NO_SHARD = {"status": 503, "error": {"type": "unavailable_shards_exception", "reason": "primary shard is not active"}}

STORED, ALREADY, REFUSED = WriteStatus


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("mode", WriteMode)
def test_what_was_written_is_stored(mode: WriteMode, status: int) -> None:
    assert judge("a", mode, {"status": status}) == WriteResult("a", STORED)


@pytest.mark.parametrize("mode", [WriteMode.CREATE, WriteMode.RANKED])
def test_an_id_that_is_taken_or_outranked_is_done(mode: WriteMode) -> None:
    assert judge("a", mode, CONFLICT) == WriteResult("a", ALREADY)


@pytest.mark.parametrize("mode", WriteMode)
def test_a_document_that_does_not_fit_is_refused_with_the_field_and_the_cause(mode: WriteMode) -> None:
    result = judge("a", mode, MAPPING_FAULT)
    assert isinstance(result, WriteResult)
    assert result.status is REFUSED
    assert "data.score" in (result.reason or "")
    assert "Cannot parse object as number" in (result.reason or "")


@pytest.mark.parametrize("answer", [BUSY, NO_SHARD], ids=["429", "503"])
def test_a_server_without_room_is_asked_again(answer: dict[str, Any]) -> None:
    assert judge("a", WriteMode.RANKED, answer) is Again.LATER


def test_a_full_disk_is_told_as_such_though_its_status_says_too_many_requests() -> None:
    with pytest.raises(StorageFull):
        judge("a", WriteMode.RANKED, FLOOD)


@pytest.mark.parametrize("answer", [READ_ONLY, NO_INDEX], ids=["read-only", "no index"])
def test_what_somebody_can_mend_is_no_verdict_on_the_document(answer: dict[str, Any]) -> None:
    with pytest.raises(StoreUnavailable):
        judge("a", WriteMode.RANKED, answer)


def test_a_key_without_rights_is_the_callers_to_mend() -> None:
    with pytest.raises(UserError):
        judge("a", WriteMode.RANKED, FORBIDDEN)
