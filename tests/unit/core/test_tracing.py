"""Trace context goes from hop to hop; what is published again after a crash carries the same."""

import asyncio
import io
import json
import logging

import pytest

from synthmill import logs, tracing
from synthmill.tracing import Trace

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_header_is_read_and_written_unchanged() -> None:
    assert str(tracing.parse(GIVEN)) == GIVEN


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        GIVEN.upper(),
        GIVEN + "-more",
        "ff" + GIVEN[2:],
        GIVEN.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        GIVEN.replace("00f067aa0ba902b7", "0" * 16),
        GIVEN.replace("-01", "-1"),
    ],
)
def test_what_is_no_trace_context_is_not_followed(text: str | None) -> None:
    assert tracing.parse(text) is None


def test_a_later_version_may_say_more() -> None:
    assert str(tracing.parse("cc" + GIVEN[2:] + "-what-the-future-brings")) == GIVEN


def test_a_hop_has_a_span_of_its_own_in_the_same_trace() -> None:
    root = tracing.new()
    spans = {root.child().span_id, root.child().span_id, root.child("a").span_id, root.child("b").span_id}
    assert len(spans | {root.span_id}) == 5
    assert root.child().trace_id == root.child("a").trace_id == root.trace_id
    assert root.child("a") == root.child("a")


def test_a_job_has_one_trace_however_often_it_is_submitted() -> None:
    assert tracing.of_job("default", "j-1") == tracing.of_job("default", "j-1")
    assert tracing.of_job("default", "j-1").trace_id != tracing.of_job("acme", "j-1").trace_id
    assert tracing.parse(str(tracing.of_job("default", "j-1"))) == tracing.of_job("default", "j-1")


async def test_lines_carry_the_trace_and_the_ids_that_are_bound_around_them(lines: io.StringIO) -> None:
    async def work(job_id: str, trace: Trace) -> None:
        with tracing.following(trace), logs.bound(job_id=job_id, message_id=f"{job_id}-1"):
            await asyncio.sleep(0)  # so that both are under way at once
            logging.getLogger("synthmill.x").info("worked", extra={"seconds": 1})
            await asyncio.to_thread(logging.getLogger("synthmill.y").info, "worked in a thread")

    traces = {"j-1": tracing.new(), "j-2": tracing.new()}
    await asyncio.gather(*(work(job_id, trace) for job_id, trace in traces.items()))
    logging.getLogger("synthmill.x").info("nobody's")
    *told, last = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert len(told) == 4
    for line in told:
        assert line["trace_id"] == traces[line["job_id"]].trace_id
        assert line["message_id"] == f"{line['job_id']}-1"
    assert "job_id" not in last
    assert tracing.current() is None
