"""Generation requests: self-contained, the same when made again, and never stopped by a bad row."""

import json
from collections.abc import Mapping
from typing import Any

from synthmill.planning.requests import Planner
from synthmill.planning.seeds import SeedSpace, resolve_records
from synthmill.recipes import CompiledRecipe
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.ids import seed_document_id
from synthmill_schemas.seed import Lineage, SeedDocument
from tests.support.recipes import COLOUR, TEXT, compiled, expression, llm, source

JOB = "job-1"


def seeds_of(rows: list[Mapping[str, Any]], seed_set: str = "s") -> dict[str, SeedDocument]:
    """Seed documents by id, as the store would give them."""
    return {
        seed_document_id(seed_set, ordinal): SeedDocument(
            seed_set=seed_set,
            ordinal=ordinal,
            seed_id=f"{seed_set}{ordinal}",
            data=dict(row),
            lineage=Lineage(source="rows.csv", sha256="0" * 64, row=ordinal + 1),
        )
        for ordinal, row in enumerate(rows)
    }


def planner(recipe: CompiledRecipe, seeds: int = 0) -> Planner:
    space = SeedSpace([("s", seeds)], recipe.recipe.seeds, recipe.recipe.seed)
    return Planner(recipe, "acme", JOB, resolve_records(recipe, space), space)


def test_a_request_carries_all_that_the_consumer_needs() -> None:
    recipe = compiled(
        COLOUR,
        llm("text", "A {{ colour }} thing"),
        expression("loud", "{{ text|upper }}"),
        seed=7,
        batch=2,
        target={"records": 10, "max_attempts": 6},
    )

    request = planner(recipe).request(3, (4, 5), {}).request

    assert request is not None
    assert (request.tenant, request.dataset, request.job_id, request.round) == ("acme", "demo", JOB, 3)
    assert request.request_id == f"{JOB}-3-4"
    assert (request.recipe_seed, request.recipe_hash, request.max_attempts) == (7, recipe.recipe_hash, 6)
    assert request.model == recipe.request_model
    assert [column.name for column in request.columns] == ["text", "loud"]
    assert (request.output, request.unique) == (["colour", "text", "loud"], ["colour", "text", "loud"])
    assert [slot.slot for slot in request.slots] == [4, 5]
    assert all(slot.attributes["colour"] in ("red", "blue") for slot in request.slots)


def test_an_encoded_request_is_read_back_equal() -> None:
    recipe = compiled(source("a"), COLOUR, llm("text", "{{ a }}", schema={"type": "integer"}), target=None)
    plan = planner(recipe, seeds=2)
    request = plan.request(1, (0, 1), seeds_of([{"a": "ä"}, {"a": "b"}])).request
    assert request is not None

    body = plan.encode(request)

    assert GenerationRequest.model_validate_json(body) == request
    assert "ä".encode() in body


def test_a_request_made_again_is_the_same_byte_for_byte() -> None:
    recipe = compiled(source("a"), COLOUR, TEXT, target=None)
    seeds = seeds_of([{"a": "x"}, {"a": "y"}])

    bodies = [plan.encode(plan.request(1, (0, 1), seeds).request) for plan in (planner(recipe, 2), planner(recipe, 2))]  # type: ignore[arg-type]  # both slots are sound

    assert bodies[0] == bodies[1]


def test_a_later_round_has_the_same_tuples() -> None:
    plan = planner(compiled(COLOUR, TEXT))
    first, second = plan.request(1, (3,), {}).request, plan.request(2, (3,), {}).request

    assert first is not None
    assert second is not None
    assert first.slots == second.slots
    assert first.request_id != second.request_id


def test_seeds_and_their_lineage_go_with_their_slots() -> None:
    recipe = compiled(source("a"), TEXT, target=None)
    request = planner(recipe, 3).request(1, (1,), seeds_of([{"a": "x"}, {"a": "y"}, {"a": "z"}])).request

    assert request is not None
    assert request.slots[0].seed_id == "s1"
    assert request.slots[0].lineage is not None
    assert request.slots[0].lineage.row == 2
    assert request.slots[0].attributes == {"a": "y"}


def test_the_seeds_to_read_are_named_once_each_in_order() -> None:
    plan = planner(compiled(source("a"), TEXT, seeds={"records_per_seed": 2}), 3)

    assert plan.addresses(range(10)) == ["s-0", "s-1", "s-2"]
    assert plan.addresses([5, 0, 1]) == ["s-2", "s-0"]


def test_a_recipe_without_input_reads_no_seeds() -> None:
    assert planner(compiled(TEXT)).addresses(range(5)) == []


def test_open_slots_are_cut_into_batches_in_order() -> None:
    plan = planner(compiled(TEXT, batch=3))

    assert list(plan.chunks([0, 1, 2, 5, 8])) == [(0, 1, 2), (5, 8)]
    assert list(plan.chunks(iter(range(4)), 2)) == [(0, 1), (2, 3)]
    assert list(plan.chunks([])) == []


def test_a_bad_row_costs_its_slot_only() -> None:
    recipe = compiled(source("a"), expression("n", "{{ a }}", type="integer"), TEXT, target=None, batch=3)
    seeds = seeds_of([{"a": "1"}, {"a": "one"}, {"a": "3"}])

    planned = planner(recipe, 3).request(1, (0, 1, 2), seeds)

    assert planned.request is not None
    assert [slot.slot for slot in planned.request.slots] == [0, 2]
    assert [(fault.slot, fault.reason) for fault in planned.faults] == [
        (1, "column 'n': 'one' is not an integer of 64 bits")
    ]
    assert planned.faults[0].seed == seeds["s-1"]


def test_bad_rows_only_make_no_request() -> None:
    recipe = compiled(source("a"), TEXT, target=None)

    planned = planner(recipe, 1).request(1, (0,), seeds_of([{"b": "x"}]))

    assert planned.request is None
    assert planned.faults[0].reason == "column 'a': the seed has no field 'a'"


def test_the_request_is_named_after_its_first_sound_slot() -> None:
    recipe = compiled(source("a"), TEXT, target=None)

    planned = planner(recipe, 2).request(1, (0, 1), seeds_of([{}, {"a": "x"}]))

    assert planned.request is not None
    assert planned.request.request_id == f"{JOB}-1-1"


def test_a_seed_that_is_not_stored_is_told() -> None:
    planned = planner(compiled(source("a"), TEXT, target=None), 1).request(1, (0,), {})

    assert planned.request is None
    assert planned.faults[0].reason == "the seed s-0 is not stored"


def test_a_recipe_without_llm_column_asks_for_no_call() -> None:
    plan = planner(compiled(COLOUR))
    request = plan.request(1, (0,), {}).request

    assert request is not None
    body = json.loads(plan.encode(request))
    assert (body["model"], body["columns"], body["unique"]) == (None, [], [])
