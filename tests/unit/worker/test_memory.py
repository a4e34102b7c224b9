"""Memory does not grow with the file: peak memory of a large file beside that of a small one of the same kind."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

MEBIBYTE = 1 << 20

MOST_GROWTH = 1.1
INDEX_KIB = 8 << 10  # the cache of the index of seed ids, which only a large file fills


def row(number: int) -> dict[str, object]:
    """About 200 bytes."""
    return {
        "sku": f"S-{number:09d}",
        "title": f"lamp {number % 977}",
        "price": number % 100,
        "text": "lorem ipsum " * 12,
    }


def lines(kind: str) -> Iterator[str]:
    """An endless file of this kind; `write` ends it."""
    match kind:
        case "table.csv":
            yield "sku,title,price,text\n"
            yield from (",".join(map(str, row(n).values())) + "\n" for n in itertools.count())
        case "table.json":
            yield "["
            yield from (("," if n else "") + json.dumps(row(n)) for n in itertools.count())
        case "text.md":
            yield from (f"## Part {n}\n\n{'It pumps. ' * (n % 700)}\n\n- a\n- b\n\n" for n in itertools.count())


def write(path: Path, size: int) -> Path:
    """A file of about `size` bytes, of the kind that its name says."""
    if path.suffix == ".parquet":
        count = size // 600
        columns = {
            "title": ["lamp"] * count,
            "price": list(range(count)),
            "text": [f"{n:09d} " * 60 for n in range(count)],
        }
        table = pa.table(columns)
        pq.write_table(table, path, row_group_size=len(table))
        return path
    with path.open("w") as file:
        for line in lines(path.name):
            file.write(line)
            if file.tell() > size:
                break
        file.write("]" if path.suffix == ".json" else "")
    return path


def peak(path: Path) -> tuple[int, int]:
    """Rows and peak memory in KiB of a process that reads the file."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.peak_memory", str(path)], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    return told["rows"], told["peak_kib"]


def peaks(folder: Path, name: str, small: int, large: int) -> tuple[int, int]:
    """Peak memory in KiB for a small and for a large file; both are really read."""
    (few, low), (many, high) = (peak(write(folder / name, size)) for size in (small, large))
    assert many > few * (large // small) * 0.8 > 0
    return low, high


@pytest.mark.parametrize("name", ["table.csv", "table.json", "table.parquet", "text.md"])
def test_peak_memory_of_a_file_ten_times_as_large_is_the_same(tmp_path: Path, name: str) -> None:
    low, high = peaks(tmp_path, name, MEBIBYTE // 2, 5 * MEBIBYTE)
    assert high < low * MOST_GROWTH


@pytest.mark.long
@pytest.mark.parametrize("name", ["table.csv", "table.json", "text.md"])
def test_peak_memory_of_a_file_a_hundred_times_as_large_is_the_same(tmp_path: Path, name: str) -> None:
    low, high = peaks(tmp_path, name, 2 * MEBIBYTE, 200 * MEBIBYTE)
    assert high < low * MOST_GROWTH + INDEX_KIB


def test_a_single_line_as_long_as_the_file_takes_no_more_memory_than_many(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    _, usual = peak(write(path, MEBIBYTE // 2))
    with path.open("w") as file:
        file.write("sku,title,price\n1,lamp,5\n2,")
        file.writelines("x" * MEBIBYTE for _ in range(40))
        file.write("\n3,desk,7\n")
    rows, long_line = peak(path)
    assert rows == 2
    assert long_line < usual * MOST_GROWTH
