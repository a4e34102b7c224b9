"""Python's half of the golden examples: what is valid is read, kept and fits the schema; what is not is refused."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel, ValidationError

from synthmill.dead_letters.unreadable import why_unreadable
from synthmill_schemas import ids
from synthmill_schemas.export import CONTRACTS, FOLDER, json_schema, mode_of, stale, write
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobMessage

EXAMPLES = FOLDER.parent / "examples"


def cases(kind: str) -> list[Path]:
    """All examples of a kind, in the order of their names."""
    return sorted(EXAMPLES.glob(f"*/v1/{kind}/*.json"))


def name(path: Path) -> str:
    """How a case is called in the test's output."""
    return f"{contract_of(path)}-{path.stem}"


def contract_of(path: Path) -> str:
    """The contract that an example is of."""
    return path.relative_to(EXAMPLES).parts[0]


def test_every_contract_has_examples_of_both_kinds() -> None:
    for kind in ("valid", "invalid"):
        assert {contract_of(path) for path in cases(kind)} == set(CONTRACTS)


@pytest.mark.parametrize("path", cases("valid"), ids=name)
def test_a_valid_example_is_read_and_written_as_it_was(path: Path) -> None:
    contract = CONTRACTS[contract_of(path)]
    model = contract.validate_json(path.read_bytes())
    written = json.loads(contract.dump_json(model))
    if mode_of(contract_of(path)) == "validation":  # defaults may have been left out: compare what is meant
        assert contract.validate_json(json.dumps(written)) == model
    else:
        assert written == json.loads(path.read_bytes())


@pytest.mark.parametrize("path", cases("valid"), ids=name)
def test_a_valid_example_fits_the_schema(path: Path) -> None:
    validator = jsonschema_rs.validator_for(json_schema(contract_of(path)))
    assert [error.message for error in validator.iter_errors(json.loads(path.read_bytes()))] == []


@pytest.mark.parametrize("path", cases("invalid"), ids=name)
def test_an_invalid_example_is_refused(path: Path) -> None:
    with pytest.raises(ValidationError):
        CONTRACTS[contract_of(path)].validate_json(path.read_bytes())


@pytest.mark.parametrize("path", cases("invalid"), ids=name)
def test_an_invalid_example_has_one_fault(path: Path) -> None:
    with pytest.raises(ValidationError) as refused:
        CONTRACTS[contract_of(path)].validate_json(path.read_bytes())
    places = {tuple(part for part in error["loc"] if isinstance(part, str)) for error in refused.value.errors()}
    assert len(places) == 1 or _is_one_choice(places)


def _is_one_choice(places: set[tuple[str, ...]]) -> bool:
    """A value that fits no member of a union is told once for each member, at the same place."""
    heads = {place[:-1] for place in places}
    return len(heads) == 1


def test_the_written_schemas_are_up_to_date() -> None:
    assert stale(FOLDER) == [], "run: make fmt"


def test_a_missing_a_changed_and_a_foreign_schema_file_are_all_noticed(tmp_path: Path) -> None:
    write(tmp_path)
    assert stale(tmp_path) == []
    (tmp_path / "slot.v1.schema.json").unlink()
    (tmp_path / "seed.v1.schema.json").write_text("{}\n")
    (tmp_path / "other.v1.schema.json").write_text("{}\n")
    assert stale(tmp_path) == ["other.v1.schema.json", "seed.v1.schema.json", "slot.v1.schema.json"]
    write(tmp_path)
    assert stale(tmp_path) == []


def id_cases() -> list[tuple[str, dict[str, Any], object]]:
    """Function, arguments and result, from the file that both languages read."""
    vectors = json.loads((EXAMPLES / "ids.json").read_bytes())
    return [(function, case["in"], case["out"]) for function, listed in vectors["functions"].items() for case in listed]


@pytest.mark.parametrize(("function", "arguments", "wanted"), id_cases())
def test_ids_are_made_as_written_down(function: str, arguments: dict[str, Any], wanted: object) -> None:
    made = getattr(ids, function)(**{("round_" if key == "round" else key): value for key, value in arguments.items()})
    assert made == wanted


def test_the_rank_of_an_accepted_slot_is_above_that_of_any_failed_one() -> None:
    vectors = json.loads((EXAMPLES / "ids.json").read_bytes())
    assert vectors["accepted_rank"] == ids.ACCEPTED_RANK
    assert ids.failed_rank(1000, parked=True) < ids.ACCEPTED_RANK


@pytest.mark.parametrize(
    ("what", "contract"), [("a generation request", GenerationRequest), ("a job message", JobMessage)]
)
@pytest.mark.parametrize(
    "vector", json.loads((EXAMPLES / "unreadable.json").read_bytes()), ids=lambda case: case["name"]
)
def test_what_is_no_message_is_told_in_the_consumers_words(
    vector: dict[str, str], what: str, contract: type[BaseModel]
) -> None:
    with pytest.raises(ValidationError) as refused:
        contract.model_validate_json(vector["body"])
    reason = why_unreadable(what, refused.value)
    assert reason.startswith(f"not {what}: {vector['begins']}")
    assert reason.endswith(vector["ends"])
