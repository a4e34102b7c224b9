"""Exports hold every accepted record once, in slot order, in types a reader expects, and no formula."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmill.embedded import EmbeddedServices
from synthmill.errors import InputUnusable
from synthmill.jobs.check import check
from synthmill.jobs.documents import change_job
from synthmill.jobs.export import export
from synthmill.jobs.export.columnar import arrow_type
from synthmill.jobs.export.encoders import formula_safe
from synthmill.jobs.order import JobOrder
from synthmill.jobs.submit import submit
from synthmill_schemas.job import JobState
from tests.support.jobs import TENANT, accepted, exhausted, store_slots

JOB = "job-1"
Order = Callable[..., JobOrder]


async def finished(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.COMPLETED, "records": 4})
    data = [
        {"colour": "red", "poem": "=SUM(A1)"},
        {"colour": "blue", "poem": 'comma, "quote"\nand line'},
        {"colour": "red", "poem": "größer"},
        {"colour": "blue", "poem": "plain"},
    ]
    await store_slots(services, *(accepted(JOB, slot, data=row) for slot, row in reversed(list(enumerate(data)))))


async def test_all_formats_hold_the_same_records_in_slot_order(
    services: EmbeddedServices, order: Order, tmp_path: Path
) -> None:
    await finished(services, order)
    outputs = await export(services, TENANT, JOB, tmp_path / "out")
    assert {Path(output.path).name for output in outputs} == {
        "colours.jsonl",
        "colours.parquet",
        "colours.csv",
        "colours.lineage.jsonl",
    }
    lines = [json.loads(line) for line in (tmp_path / "out/colours.jsonl").read_text().splitlines()]
    assert [line["_record_id"] for line in lines] == [f"{JOB}-{slot}" for slot in range(4)]
    assert pq.read_table(tmp_path / "out/colours.parquet").to_pylist() == lines
    with (tmp_path / "out/colours.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["poem"] == "'=SUM(A1)"
    assert [row["poem"] for row in rows[1:]] == [line["poem"] for line in lines[1:]]


async def test_a_second_export_leaves_the_files_alone(services: EmbeddedServices, order: Order, tmp_path: Path) -> None:
    await finished(services, order)
    first = await export(services, TENANT, JOB, tmp_path / "out")
    inode = (tmp_path / "out/colours.jsonl").stat().st_ino
    assert await export(services, TENANT, JOB, tmp_path / "out") == first
    assert (tmp_path / "out/colours.jsonl").stat().st_ino == inode


async def test_a_folder_that_cannot_be_written_is_a_clear_error(
    services: EmbeddedServices, order: Order, tmp_path: Path
) -> None:
    await finished(services, order)
    (tmp_path / "file").touch()
    with pytest.raises(InputUnusable, match="--out"):
        await export(services, TENANT, JOB, tmp_path / "file" / "out")


async def test_the_check_passes_a_sound_job(services: EmbeddedServices, order: Order) -> None:
    await finished(services, order)
    report = await check(services.store, TENANT, JOB)
    assert report.complete
    assert report.accepted == 4


async def test_the_check_names_what_is_missing_invalid_or_there_twice(services: EmbeddedServices, order: Order) -> None:
    await submit(services, order())
    await change_job(services.store, TENANT, JOB, lambda _: {"state": JobState.COMPLETED, "records": 4})
    twin = "f" * 64
    await store_slots(
        services,
        accepted(JOB, 0, data={"colour": "green", "poem": "x"}),
        accepted(JOB, 1, content_hash=twin),
        accepted(JOB, 2, content_hash=twin),
    )
    report = await check(services.store, TENANT, JOB)
    text = "\n".join(report.faults)
    assert not report.complete
    assert "1 slots have no outcome, the first is 3" in text
    assert "job-1-0: colour" in text
    assert "has the content of another record" in text


async def test_an_exhausted_slot_is_sound_but_not_complete(services: EmbeddedServices, order: Order) -> None:
    await finished(services, order)
    await change_job(services.store, TENANT, JOB, lambda _: {"records": 5})
    await store_slots(services, exhausted(JOB, 4))
    report = await check(services.store, TENANT, JOB)
    assert (report.fault_count, report.complete, report.exhausted) == (0, False, 1)


@given(st.text())
def test_no_cell_of_text_starts_a_formula(text: str) -> None:
    assert not str(formula_safe(text)).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_numbers_stay_numbers_and_objects_become_json() -> None:
    assert [formula_safe(value) for value in (-5, 1.5, True, None, {"a": 1})] == [-5, 1.5, "true", "", '{"a": 1}']


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, "int64"),
        ({"type": ["number", "null"]}, "double"),
        ({"enum": ["a", "b"]}, "string"),
        ({"enum": [1, 2]}, "int64"),
        ({"type": "object"}, "string"),
        ({"type": "array", "items": {"type": "string"}}, "list<item: string>"),
        ({"type": "array", "items": {"type": "object"}}, "string"),
        ({}, "string"),
    ],
)
def test_parquet_types_follow_the_schema(schema: dict[str, object], expected: str) -> None:
    assert str(arrow_type(schema)).replace("element", "item") == expected
