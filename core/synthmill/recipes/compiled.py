"""A recipe that passed every check, with all that planning needs worked out."""

from collections.abc import Mapping
from dataclasses import dataclass

from synthmill.recipes.draft import AnyColumn
from synthmill.recipes.graph import Node, in_order, late_names
from synthmill.recipes.record_schema import TEXT, record_schema
from synthmill.recipes.schemas import prepare_schema
from synthmill_schemas.base import JsonObject
from synthmill_schemas.generation import RequestColumn, RequestExpressionColumn, RequestLlmColumn, RequestModel
from synthmill_schemas.recipe import (
    ExpressionColumn,
    LlmColumn,
    Model,
    Recipe,
    SamplerColumn,
    SourceColumn,
    UuidSampler,
)

TupleColumn = SourceColumn | SamplerColumn | ExpressionColumn


@dataclass(frozen=True, slots=True)
class CompiledRecipe:
    """What services work with; `recipe` is what is stored."""

    recipe: Recipe
    recipe_hash: str
    """sha256 of the recipe without what does not change the records: description, gate, limits, prices and caps."""
    source_fields: Mapping[str, str]
    """Source column to the input's field."""
    tuple_columns: tuple[TupleColumn, ...]
    """What is fixed per slot before any call, each after what it needs."""
    generated: tuple[RequestColumn, ...]
    """What the consumer makes: llm columns, then expressions over them, each after what it needs."""
    output: tuple[str, ...]
    """The record's columns in the recipe's order."""
    unique: tuple[str, ...]
    """Columns that make a duplicate; empty: no check."""
    record_schema: JsonObject
    request_model: RequestModel | None
    """None: there is no llm column, no call is made."""

    @property
    def needs_input(self) -> bool:
        """Whether slots are made from seeds."""
        return bool(self.source_fields)


def assemble(recipe: Recipe, nodes: Mapping[str, Node], recipe_hash: str) -> CompiledRecipe:
    """The compiled form of a recipe without faults."""
    late = late_names(nodes)
    ordered = [nodes[name].column for name in in_order(nodes)]
    llm_schemas = {column.name: _llm_schema(column) for column in recipe.columns if isinstance(column, LlmColumn)}
    kept = [column for column in recipe.columns if not column.drop]
    return CompiledRecipe(
        recipe=recipe,
        recipe_hash=recipe_hash,
        source_fields={c.name: c.field or c.name for c in recipe.columns if isinstance(c, SourceColumn)},
        tuple_columns=tuple(c for c in ordered if c.name not in late and not isinstance(c, LlmColumn)),
        generated=_generated([column for column in ordered if column.name in late], llm_schemas),
        output=tuple(column.name for column in kept),
        unique=_unique(recipe, bool(llm_schemas)),
        record_schema=record_schema(kept, recipe.input.fields, llm_schemas),
        request_model=_request_model(recipe.model) if llm_schemas and recipe.model else None,
    )


def _llm_schema(column: LlmColumn) -> JsonObject:
    if column.schema_ is None:
        return dict(TEXT)
    schema, found = prepare_schema(column.schema_, ())
    if schema is None:
        raise AssertionError(f"checked before: {found}")
    return schema


def _generated(late: list[AnyColumn], llm_schemas: Mapping[str, JsonObject]) -> tuple[RequestColumn, ...]:
    written: list[RequestColumn] = [
        RequestLlmColumn(name=column.name, prompt=column.prompt, json_schema=llm_schemas[column.name])
        for column in late
        if isinstance(column, LlmColumn)
    ]
    computed: list[RequestColumn] = [
        RequestExpressionColumn(name=column.name, template=column.template, value_type=column.type)
        for column in late
        if isinstance(column, ExpressionColumn)
    ]
    return (*written, *computed)


def _unique(recipe: Recipe, calls: bool) -> tuple[str, ...]:
    if recipe.unique is not None:
        return tuple(recipe.unique)
    if not calls:
        return ()
    return tuple(column.name for column in recipe.columns if not column.drop and not _is_uuid(column))


def _is_uuid(column: AnyColumn) -> bool:
    return isinstance(column, SamplerColumn) and isinstance(column.sampler, UuidSampler)


def _request_model(model: Model) -> RequestModel:
    return RequestModel(
        route=model.route,
        base_url=model.base_url,
        api_key_env=model.api_key_env,
        system=model.system,
        parameters=dict(model.parameters),
        timeout_seconds=model.timeout_seconds,
        limits=model.limits,
        price=model.price,
    )
