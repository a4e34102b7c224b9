"""What travels with a message."""

import pytest

from synthmill.ports.broker import EVIDENCE_PREFIX, ORIGINAL_QUEUE_HEADER, STARTED_HEADER, Message, Queue
from synthmill.stack.rabbitmq.envelope import (
    COPY_HEADER,
    MAX_EVIDENCE_CHARACTERS,
    MAX_HEADER_BYTES,
    dead_letter,
    enclose,
    with_evidence,
)


def test_each_copy_of_a_message_has_a_name_of_its_own() -> None:
    message = Message("m", b"{}", {"traceparent": "00-ab"})
    copies = [enclose(message) for _ in range(2)]
    assert len({str(copy.headers[COPY_HEADER]) for copy in copies}) == 2
    assert {copy.message_id for copy in copies} == {"m"}
    assert all(copy.headers["traceparent"] == "00-ab" for copy in copies)


def test_evidence_of_any_length_leaves_a_message_that_can_travel() -> None:
    evidence = {f"piece{number}": "ü" * 1_000_000 for number in range(50)}
    message = with_evidence(Message("m", b"{}"), evidence)
    assert len(message.headers[f"{EVIDENCE_PREFIX}piece0"]) == MAX_EVIDENCE_CHARACTERS
    enclose(dead_letter(message, Queue.JOBS, 3))


def test_a_dead_letter_says_where_it_came_from_and_how_often_it_began() -> None:
    letter = dead_letter(Message("m", b"{}", {"a": "b"}), Queue.JOBS, 3)
    assert letter.headers == {"a": "b", ORIGINAL_QUEUE_HEADER: "jobs", STARTED_HEADER: "3"}


def test_headers_that_cannot_travel_are_refused_before_they_end_the_connection() -> None:
    with pytest.raises(ValueError, match="headers"):
        enclose(Message("m", b"{}", {"long": "x" * MAX_HEADER_BYTES}))
