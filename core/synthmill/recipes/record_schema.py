"""The JSON Schema of a record: its columns in order, each with the type that its kind gives it."""

from collections.abc import Mapping, Sequence

from synthmill_schemas.base import JsonObject
from synthmill_schemas.recipe import (
    BernoulliSampler,
    CategorySampler,
    DatetimeSampler,
    ExpressionColumn,
    FieldContract,
    GaussianSampler,
    LlmColumn,
    PersonSampler,
    PoissonSampler,
    SamplerColumn,
    Scalar,
    SourceColumn,
    SubcategorySampler,
    TimedeltaSampler,
    UniformSampler,
    UuidSampler,
    ValueType,
)

MAX_ENUM = 250
"""Longer lists of values are given by type only: the schema travels in every request."""

TEXT: JsonObject = {"type": "string", "minLength": 1}
"""What an llm column without schema holds."""

_MOMENT: JsonObject = {"type": "string", "format": "date-time"}
_STRING: JsonObject = {"type": "string"}

PERSON: JsonObject = {
    "type": "object",
    "properties": {
        "name": _STRING,
        "first_name": _STRING,
        "last_name": _STRING,
        "sex": {"type": "string", "enum": ["female", "male"]},
        "birth_date": {"type": "string", "format": "date"},
        "email": {"type": "string", "format": "email"},
        "phone": _STRING,
        "street": _STRING,
        "city": _STRING,
        "postcode": _STRING,
        "country": _STRING,
        "job": _STRING,
    },
    "required": [
        "name",
        "first_name",
        "last_name",
        "sex",
        "birth_date",
        "email",
        "phone",
        "street",
        "city",
        "postcode",
        "country",
        "job",
    ],
    "additionalProperties": False,
}


def record_schema(
    columns: Sequence[SourceColumn | SamplerColumn | ExpressionColumn | LlmColumn],
    contracts: Mapping[str, FieldContract],
    llm_schemas: Mapping[str, JsonObject],
) -> JsonObject:
    """A closed object of `columns` in order, all required; an optional source column may be null."""
    properties = {column.name: _column(column, contracts, llm_schemas) for column in columns}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _column(
    column: SourceColumn | SamplerColumn | ExpressionColumn | LlmColumn,
    contracts: Mapping[str, FieldContract],
    llm_schemas: Mapping[str, JsonObject],
) -> JsonObject:
    match column:
        case SourceColumn():
            return _source(contracts.get(column.field or column.name, FieldContract()))
        case SamplerColumn():
            return _sampler(column)
        case ExpressionColumn():
            return _typed(column.type)
        case LlmColumn():
            return llm_schemas[column.name]


def _typed(type_: ValueType) -> JsonObject:
    return {} if type_ is ValueType.JSON else {"type": type_.value}


def _source(contract: FieldContract) -> JsonObject:
    schema = {**_typed(contract.type), **_bounds(contract.minimum, contract.maximum)}
    if contract.values is not None and len(contract.values) <= MAX_ENUM:
        schema["enum"] = list(contract.values)
    return schema if contract.required else _nullable(schema)


def _bounds(low: float | None, high: float | None) -> JsonObject:
    return {key: bound for key, bound in (("minimum", low), ("maximum", high)) if bound is not None}


def _nullable(schema: JsonObject) -> JsonObject:
    result = dict(schema)
    if "type" in schema:
        result["type"] = [schema["type"], "null"]
    if "enum" in schema:
        result["enum"] = [*schema["enum"], None]
    return result


def _sampler(column: SamplerColumn) -> JsonObject:
    match column.sampler:
        case CategorySampler(values=values):
            return _values(values)
        case SubcategorySampler(values=lists):
            return _values(_distinct([value for values in lists.values() for value in values]))
        case UniformSampler() | GaussianSampler() as numeric:
            return {"type": "integer" if numeric.decimals == 0 else "number", **_bounds(numeric.low, numeric.high)}
        case PoissonSampler():
            return {"type": "integer", "minimum": 0}
        case BernoulliSampler():
            return {"type": "boolean"}
        case DatetimeSampler() | TimedeltaSampler():
            return dict(_MOMENT)
        case UuidSampler():
            return {"type": "string", "format": "uuid"}
        case PersonSampler():
            return PERSON


def _distinct(values: Sequence[Scalar]) -> list[Scalar]:
    """Without repetition; true is not 1 here, though Python takes them for equal."""
    seen: dict[tuple[bool, Scalar], Scalar] = {}
    for value in values:
        seen.setdefault((isinstance(value, bool), value), value)
    return list(seen.values())


def _values(values: Sequence[Scalar]) -> JsonObject:
    types = sorted({_json_type(value) for value in values})
    if types == ["integer", "number"]:
        types = ["number"]
    schema: JsonObject = {"type": types[0] if len(types) == 1 else types}
    if len(values) <= MAX_ENUM:
        schema["enum"] = list(values)
    return schema


def _json_type(value: Scalar) -> str:
    match value:
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
