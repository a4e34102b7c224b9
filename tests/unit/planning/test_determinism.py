"""The same recipe, seed and inputs give the same attribute tuples, byte for byte.

`golden.ndjson` was written once; another Python, process, hash seed or locale must write the same.
"""

import os
import subprocess
import sys

import pytest

from synthmill.planning.tuples import TupleMaker
from synthmill.recipes import load_recipe
from tests.unit.planning import golden

EXPECTED = (golden.HERE / "golden.ndjson").read_text(encoding="utf-8").splitlines()


def test_the_golden_tuples_are_made_again() -> None:
    assert golden.lines() == EXPECTED


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_another_process_makes_the_same_tuples(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Kathmandu", "LC_ALL": "C"}

    done = subprocess.run([sys.executable, golden.__file__], capture_output=True, env=environment, check=True)

    assert done.stdout.decode().splitlines() == EXPECTED


def test_slots_made_alone_and_backwards_are_the_same() -> None:
    maker = TupleMaker(load_recipe(golden.HERE / "golden.yaml"), golden.RECORDS)
    rows = {slot: golden.ROWS[slot % 11] for slot in range(golden.RECORDS)}

    forwards = {slot: maker.attributes(slot, rows[slot]) for slot in rows}

    assert {slot: maker.attributes(slot, rows[slot]) for slot in reversed(rows)} == forwards
