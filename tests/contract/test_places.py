"""Where documents lie in Elasticsearch, as the consumer forms it too; `schemas/examples/places.json` holds both."""

import json
from typing import Any

import pytest

from synthmill.ports.records import Collection, Place
from synthmill.stack.elastic.names import Names
from synthmill.stack.elastic.registry import job_key
from synthmill_schemas.export import FOLDER

PLACES: dict[str, Any] = json.loads((FOLDER.parent / "examples" / "places.json").read_bytes())
NAMES = Names(PLACES["prefix"])


def test_indexes_are_called_as_written_down() -> None:
    assert NAMES.registry == PLACES["registry"]
    for collection, name in PLACES["shared"].items():
        assert NAMES.shared(Collection(collection)) == name


@pytest.mark.parametrize("case", PLACES["documents"], ids=lambda case: case["collection"])
def test_documents_lie_under_the_ids_written_down(case: dict[str, str]) -> None:
    home = NAMES.home(Place(case["tenant"], Collection(case["collection"])))
    assert home.target == PLACES["shared"][case["collection"]]
    assert home.key(case["id"]) == case["key"]
    assert home.id(case["key"]) == case["id"]


def test_a_slot_lies_under_its_own_id() -> None:
    home = NAMES.home(Place("acme", Collection.SLOTS, "tickets"))
    assert home.key("nightly_2026-03-17") == "nightly_2026-03-17"


@pytest.mark.parametrize("case", PLACES["bindings"], ids=lambda case: case["key"])
def test_a_job_is_bound_under_the_id_written_down(case: dict[str, str]) -> None:
    assert job_key(case["tenant"], case["dataset"], case["job_id"]) == case["key"]


@pytest.mark.parametrize("case", PLACES["datasets"], ids=lambda case: case["slots"])
def test_a_datasets_aliases_are_called_as_written_down(case: dict[str, str]) -> None:
    for alias in ("slots", "records", "latest"):
        assert getattr(NAMES, alias)(case["tenant"], case["dataset"]) == case[alias]
