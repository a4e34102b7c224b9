"""Data that nobody here wrote: the files that ship inside Python packages, one of them repeated to 20,000 rows."""

import csv
import json
import re
import subprocess
import time
from collections import Counter
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.facts import assert_sound
from tests.support.packaged_data import AIRLINES, DIAMONDS, NOTES, packaged
from tests.support.program import Program
from tests.support.provider import start_provider

SLACK = 1.15  # of memory, as the reliability anchors allow between a small job and one ten times its size
SMALL_CHANGE_KIB = 4_096  # what an allocator may round up to

DIAMOND_COLUMNS = """
  - {name: carat, kind: source}
  - {name: cut, kind: source}
  - {name: price, kind: source}
"""
AIRLINE_COLUMNS = """
  - {name: airline, kind: source, field: id}
  - {name: tags, kind: source}
"""
NOTE_COLUMNS = """
  - {name: text, kind: source, drop: true}
"""


def recipe(folder: Path, columns: str, about: str, fields: str = "{}", batch: int = 1) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(f"""
version: 1
name: foreign
batch: {batch}
input: {{fields: {fields}}}
model: {{route: mock/one}}
columns:{columns}
  - name: advert
    kind: llm
    prompt: "An advertisement. {about}"
    schema:
      type: object
      properties:
        headline: {{type: string, minLength: 10}}
        audience: {{enum: [collectors, gifts, trade]}}
      required: [headline, audience]
""")
    return path


def made(tmp_path: Path, recipe_file: Path, source: Path, records: int, *arguments: str) -> list[dict[str, Any]]:
    """Runs the recipe over the file; answers the sound slots."""
    program = Program(tmp_path / "home")
    with start_provider(tmp_path) as provider:
        command = ["run", recipe_file, "--input", source, "--base-url", provider.url, "--direct", "--json", *arguments]
        result = program.run(*command)
    assert result.code == 0, result.err
    return assert_sound(program.home, result.summary["job_id"], records)


@pytest.mark.e2e
def test_each_row_of_a_parquet_file_becomes_one_traceable_record(tmp_path: Path) -> None:
    source = packaged(*DIAMONDS)
    rows = pq.read_table(source).to_pylist()
    fields = "{carat: {type: number}, price: {type: integer, minimum: 1}}"
    slots = made(tmp_path, recipe(tmp_path, DIAMOND_COLUMNS, "{{ cut }}, {{ carat }} ct", fields), source, len(rows))
    for slot in slots:
        row = rows[slot["lineage"]["row"] - 1]
        assert {name: slot["data"][name] for name in ("carat", "cut", "price")} == {
            name: row[name] for name in ("carat", "cut", "price")
        }


@pytest.mark.e2e
def test_each_object_of_a_json_array_becomes_one_traceable_record(tmp_path: Path) -> None:
    source = packaged(*AIRLINES)
    rows = json.loads(source.read_text())
    slots = made(tmp_path, recipe(tmp_path, AIRLINE_COLUMNS, "Fly {{ airline }}", batch=5), source, len(rows))
    assert [slot["data"]["airline"] for slot in slots] == [row["id"] for row in rows]
    assert [slot["lineage"]["row"] for slot in slots] == list(range(1, len(rows) + 1))


@pytest.mark.e2e
def test_each_chunk_of_a_markdown_file_is_found_again_by_its_offsets(tmp_path: Path) -> None:
    source = packaged(*NOTES)
    text = source.read_text()
    slots = made(tmp_path, recipe(tmp_path, NOTE_COLUMNS, "{{ text }}"), source, 12, "--records", "12")
    for slot in slots:
        start, end = slot["lineage"]["char_start"], slot["lineage"]["char_end"]
        assert text[start:end] == slot["attributes"]["text"]


def repeated(folder: Path, rows: int) -> Path:
    """The diamonds as a CSV of so many rows."""
    diamonds = pq.read_table(packaged(*DIAMONDS)).to_pylist()
    path = folder / f"diamonds-{rows}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(diamonds[0]))
        writer.writeheader()
        writer.writerows(islice(cycle(diamonds), rows))
    return path


def peak_memory(program: Program, process: "subprocess.Popen[str]") -> dict[str, int]:
    """The highest resident size of each of our Python services, in KiB, watched until the command ends."""
    peaks: Counter[str] = Counter()
    while process.poll() is None:
        for pid in program.pids():
            service, kib = _service_and_peak(pid)
            if service:
                peaks[service] = max(peaks[service], kib)
        time.sleep(0.05)
    return dict(peaks)


def _service_and_peak(pid: int) -> tuple[str | None, int]:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None, 0
    service = re.search(r"synthmill(_worker|\.bridge|-consumer|\0run)", command)
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return (service[1].strip("\0_.-") if service else None), int(peak[1]) if peak else 0


@pytest.mark.e2e
def test_twenty_thousand_rows_give_as_many_records_in_the_memory_of_two_thousand(tmp_path: Path) -> None:
    peaks: dict[int, dict[str, int]] = {}
    fields = "{carat: {type: number}, price: {type: integer, minimum: 1}}"
    for rows in (2_000, 20_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        source = repeated(folder, rows)
        recipe_file = recipe(folder, DIAMOND_COLUMNS, "{{ cut }}, {{ carat }} ct", fields, batch=10)
        program = Program(folder / "home")
        with start_provider(folder) as provider:
            command = ["run", recipe_file, "--input", source, "--base-url", provider.url, "--direct", "--json"]
            with program.started(*command) as process:
                peaks[rows] = peak_memory(program, process)
                out, err = process.communicate()
        assert process.returncode == 0, err
        slots = assert_sound(program.home, json.loads(out)["job_id"], rows)
        assert [slot["lineage"]["row"] for slot in slots] == list(range(1, rows + 1))
        assert len({slot["seed_id"] for slot in slots}) == rows
    print("peak resident KiB", peaks)
    assert set(peaks[20_000]) >= {"worker", "bridge", "consumer"}
    for service, small in peaks[2_000].items():
        assert peaks[20_000][service] <= small * SLACK + SMALL_CHANGE_KIB, (service, peaks)
