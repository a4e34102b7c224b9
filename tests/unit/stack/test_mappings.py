"""The mappings know every field of every contract: a strict index refuses what it does not know."""

from typing import Any

import pytest
from pydantic import BaseModel

from synthmill.catalog.recipes import RecipeDocument
from synthmill.catalog.sources import SourceDocument
from synthmill.ports.records import Collection
from synthmill.stack.elastic.mappings import mapping_of, shared_collections
from synthmill_api.auth.keys import KeyDocument
from synthmill_schemas.event import EventDocument
from synthmill_schemas.job import JobDocument
from synthmill_schemas.ledger import CallDocument, ClaimDocument, RejectDocument
from synthmill_schemas.seed import SeedDocument
from synthmill_schemas.slot import SlotDocument

CONTRACTS: dict[Collection, type[BaseModel]] = {
    Collection.RECIPES: RecipeDocument,
    Collection.SOURCES: SourceDocument,
    Collection.KEYS: KeyDocument,
    Collection.JOBS: JobDocument,
    Collection.INPUTS: SeedDocument,
    Collection.SLOTS: SlotDocument,
    Collection.REJECTS: RejectDocument,
    Collection.EVENTS: EventDocument,
    Collection.CALLS: CallDocument,
    Collection.CLAIMS: ClaimDocument,
}


def unmapped(schema: dict[str, Any], mapping: dict[str, Any], definitions: dict[str, Any], path: str = "") -> list[str]:
    """Fields of a JSON Schema that a strict mapping lacks."""
    missing = []
    for name, declaration in schema.get("properties", {}).items():
        field = mapping["properties"].get(name)
        if field is None:
            missing.append(path + name)
            continue
        for branch in (declaration, *declaration.get("anyOf", ())):
            inner = definitions.get(branch.get("$ref", "").removeprefix("#/$defs/"), {})
            if "properties" in inner and "properties" in field:
                missing += unmapped(inner, field, definitions, f"{path}{name}.")
    return missing


@pytest.mark.parametrize("collection", CONTRACTS)
def test_every_field_of_a_contract_is_mapped(collection: Collection) -> None:
    schema = CONTRACTS[collection].model_json_schema(mode="serialization")
    lacking = unmapped(schema, mapping_of(collection), schema.get("$defs", {}))
    # a slot's data comes with its dataset
    assert lacking == (["data"] if collection is Collection.SLOTS else [])


def test_every_collection_has_an_index() -> None:
    assert {*shared_collections(), Collection.SLOTS, Collection.RECORDS} == set(Collection)
