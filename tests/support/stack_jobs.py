"""The job that tests over the real stack run: a text for each row of a generated CSV, every row told by its number."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

DATASET = "products"


def rows(count: int) -> bytes:
    """A CSV of products; row n, counted from 0, has the sku `P-n`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["sku", "title", "price"])
    writer.writerows([f"P-{number}", f"product, number {number}", number % 997] for number in range(count))
    return text.getvalue().encode()


def recipe(**changes: Any) -> dict[str, Any]:  # noqa: ANN401  any part of a recipe
    """Two columns of the row, one drawn, one by the model; `changes` replace whole parts."""
    return {
        "version": 1,
        "name": DATASET,
        "seed": 7,
        "model": {"route": "mock/one"},
        "columns": [
            {"name": "sku", "kind": "source"},
            {"name": "title", "kind": "source"},
            {"name": "tone", "kind": "sampler", "sampler": {"type": "category", "values": ["dry", "warm", "loud"]}},
            {
                "name": "copy",
                "kind": "llm",
                "prompt": "A {{ tone }} text about {{ title }}, item {{ sku }}.",
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["headline", "text", "audience"],
                    "properties": {
                        "headline": {"type": "string", "minLength": 5, "maxLength": 120},
                        "text": {"type": "string", "minLength": 40, "maxLength": 900},
                        "audience": {"enum": ["families", "shops", "schools"]},
                    },
                },
            },
        ],
        **changes,
    }


def assert_each_on_its_row(slots: Sequence[Mapping[str, Any]]) -> None:
    """Slot n tells of row n: in its data, in what was drawn for it, and in its lineage."""
    for slot in slots:
        number = slot["slot"]
        assert (slot["data"]["sku"], slot["data"]["title"]) == (f"P-{number}", f"product, number {number}")
        assert slot["attributes"]["tone"] == slot["data"]["tone"]
        assert slot["lineage"]["row"] == number + 1
