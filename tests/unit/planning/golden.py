"""Writes the attribute tuples of one recipe that uses every sampler, one JSON line a slot.

A program, so that other Python versions, hash seeds and processes can be held to `golden.ndjson`.
"""

import json
import sys
from pathlib import Path

from synthmill.planning.seeds import SeedSpace
from synthmill.planning.tuples import Attributes, TupleMaker
from synthmill.recipes import load_recipe

HERE = Path(__file__).parent
RECORDS = 40
ROWS: list[Attributes] = [{"sku": f"K-{row}", "price": row * 1.25, "stock": row % 4} for row in range(11)]


def lines() -> list[str]:
    """The tuples as the request carries them."""
    compiled = load_recipe(HERE / "golden.yaml")
    space = SeedSpace([("a", 4), ("b", 7)], compiled.recipe.seeds, compiled.recipe.seed)
    maker = TupleMaker(compiled, RECORDS)
    result = []
    for slot in range(RECORDS):
        seed_set, ordinal = space.address(slot)
        row = ROWS[ordinal + (4 if seed_set == "b" else 0)]
        result.append(json.dumps(maker.attributes(slot, row), ensure_ascii=False))
    return result


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # it is a text file here
    print("\n".join(lines()))
