"""The recipe, version 1: the declaration of a dataset as a user writes it in YAML or JSON.

These models check form; `synthmill.recipes` checks what refers to other things (columns, templates, quotas).
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from synthmill_schemas.base import ColumnName, Contract, JsonObject, Name
from synthmill_schemas.budget import MaxTokens, MaxUsd, Price
from synthmill_schemas.gate import Gate

Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Scalar = str | int | float | bool


def _written_out(value: object) -> object:
    """Refuses 2024, which would be read as seconds after 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _DATE.match(value)):
        return value
    raise PydanticCustomError("datetime_type", "a date such as 2024-05-31")


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
Moment = Annotated[datetime, BeforeValidator(_written_out)]


class Target(Contract):
    """How many records, and how hard to try for them."""

    records: int | None = Field(None, ge=1, le=100_000_000, description="N; default: seeds x records_per_seed")
    max_attempts: int = Field(4, ge=1, le=20, description="tries per slot and round")
    max_rounds: int = Field(3, ge=1, le=100, description="passes over slots that are still open")
    max_candidates: int | None = Field(None, ge=1, description="tries per job, over all slots and rounds")
    max_usd: MaxUsd | None = Field(None, description="dollars that a job's calls may cost; then it is paused")
    max_tokens: MaxTokens | None = Field(
        None, description="prompt and completion tokens that a job's calls may take; then it is paused"
    )


class SeedOrder(StrEnum):
    """In which order seeds meet slots."""

    ORDERED = "ordered"
    SHUFFLED = "shuffled"


class SeedReuse(StrEnum):
    """What happens when there are more slots than seeds."""

    ONCE = "once"
    CYCLED = "cycled"


class SeedPlan(Contract):
    """How seeds meet slots."""

    order: SeedOrder = SeedOrder.ORDERED
    reuse: SeedReuse = SeedReuse.CYCLED
    records_per_seed: int = Field(1, ge=1, le=100_000)
    prune: bool = Field(False, description="a refresh ends the records of seeds that no source has any more")


class ValueType(StrEnum):
    """The type of a source or expression column's value."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


class FieldContract(Contract):
    """What a source column must hold; a row that breaks it becomes a reject of class `input`."""

    type: ValueType = ValueType.STRING
    required: bool = True
    minimum: Number | None = None
    maximum: Number | None = None
    pattern: str | None = None
    values: list[Scalar] | None = Field(None, min_length=1)


class Chunking(Contract):
    """How text and Markdown are cut into seeds; sizes are characters."""

    size: int = Field(1500, ge=100, le=100_000)
    overlap: int = Field(0, ge=0, le=10_000)


class Input(Contract):
    """How sources are read."""

    chunking: Chunking = Chunking()
    fields: dict[str, FieldContract] = Field(default_factory=dict)


class CategorySampler(Contract):
    """One of `values`; with `quota: exact` each value gets its share of N to the nearest record."""

    type: Literal["category"]
    values: list[Scalar] = Field(min_length=1, max_length=10_000)
    weights: list[Weight] | None = None
    quota: Literal["none", "exact"] = "none"


class SubcategorySampler(Contract):
    """A value that depends on the value of another category column."""

    type: Literal["subcategory"]
    of: ColumnName
    values: dict[str, list[Scalar]] = Field(min_length=1)


class UniformSampler(Contract):
    """A number from [low, high]; rounded to `decimals` if given (0 gives integers)."""

    type: Literal["uniform"]
    low: Number
    high: Number
    decimals: int | None = Field(None, ge=0, le=15)


class GaussianSampler(Contract):
    """A normal number, clipped to [low, high] where given."""

    type: Literal["gaussian"]
    mean: Number
    stddev: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    low: Number | None = None
    high: Number | None = None
    decimals: int | None = Field(None, ge=0, le=15)


class PoissonSampler(Contract):
    """A count with the given mean."""

    type: Literal["poisson"]
    mean: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class BernoulliSampler(Contract):
    """True with probability `p`."""

    type: Literal["bernoulli"]
    p: Annotated[float, Field(ge=0, le=1)]


class DatetimeSampler(Contract):
    """A moment from [start, end), cut to `unit`, as ISO 8601 text."""

    type: Literal["datetime"]
    start: Moment
    end: Moment
    unit: Literal["second", "minute", "hour", "day"] = "second"


class TimedeltaSampler(Contract):
    """`after` plus a whole number of `unit`s from [low, high], as ISO 8601 text."""

    type: Literal["timedelta"]
    after: ColumnName = Field(description="a datetime column")
    low: int = Field(ge=0)
    high: int = Field(ge=0)
    unit: Literal["second", "minute", "hour", "day"] = "day"


class UuidSampler(Contract):
    """A version 4 UUID; the same slot of the same recipe always gets the same one."""

    type: Literal["uuid"]


class PersonSampler(Contract):
    """An invented person: an object of name, sex, birth date, e-mail, phone, address, job."""

    type: Literal["person"]
    locale: str = Field("en_US", pattern=r"^[a-z]{2,3}_[A-Z]{2}$")
    sex: Literal["female", "male"] | None = None
    min_age: int = Field(18, ge=0, le=120)
    max_age: int = Field(90, ge=0, le=120)


Sampler = Annotated[
    CategorySampler
    | SubcategorySampler
    | UniformSampler
    | GaussianSampler
    | PoissonSampler
    | BernoulliSampler
    | DatetimeSampler
    | TimedeltaSampler
    | UuidSampler
    | PersonSampler,
    Field(discriminator="type"),
]


class _Column(Contract):
    name: ColumnName
    drop: bool = Field(False, description="usable by other columns, left out of the record")


class SourceColumn(_Column):
    """Taken from the seed's row; `field` names the input's column where it differs from `name`."""

    kind: Literal["source"]
    field: str | None = None


class SamplerColumn(_Column):
    """Drawn per slot from a distribution."""

    kind: Literal["sampler"]
    sampler: Sampler


class ExpressionColumn(_Column):
    """A Jinja template over other columns, read back as `type`."""

    kind: Literal["expression"]
    template: str = Field(min_length=1)
    type: ValueType = ValueType.STRING


class LlmColumn(_Column):
    """Written by the model; without `schema` it is text."""

    kind: Literal["llm"]
    prompt: str = Field(min_length=1)
    schema_: JsonObject | None = Field(None, alias="schema", description="JSON Schema of the value")


Column = Annotated[SourceColumn | SamplerColumn | ExpressionColumn | LlmColumn, Field(discriminator="kind")]


PerMinute = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


class ModelLimits(Contract):
    """What one consumer process may send to the model in a minute; what is left out is not limited."""

    requests_per_minute: PerMinute | None = Field(None, description="calls, failed ones included")
    input_tokens_per_minute: PerMinute | None = Field(None, description="estimated before a call, then corrected")
    output_tokens_per_minute: PerMinute | None = Field(
        None, description="until its answer a call counts with its max_tokens, else with what calls took so far"
    )


class Model(Contract):
    """Which model writes, and how it is asked."""

    route: str = Field(min_length=1, max_length=200, description="e.g. offline/fake-1, openai/gpt-5-mini")
    base_url: str | None = Field(
        None, pattern=r"^https?://", description="any OpenAI-compatible URL; default: the gateway"
    )
    api_key_env: str | None = Field(
        None,
        pattern=r"^[A-Z][A-Z0-9_]*$",
        description="the consumer's variable that holds the key, never the key",
    )
    system: str | None = Field(None, description="standing instruction; never rendered with data")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="sent as they are, e.g. temperature")
    timeout_seconds: float = Field(120, gt=0, le=3600)
    limits: ModelLimits | None = Field(None, description="of the account behind the key; default: none")
    price: Price | None = Field(None, description="for answers that do not say what they cost; default: LiteLLM's map")


class Recipe(Contract):
    """A dataset's declaration."""

    version: Literal[1]
    name: Name = Field(description="the dataset's name")
    description: str = ""
    seed: int = Field(0, ge=0, lt=1 << 53)
    key: str | None = Field(None, description="the input column that identifies a row for good")
    target: Target = Target()
    input: Input = Input()
    seeds: SeedPlan = SeedPlan()
    model: Model | None = None
    batch: int = Field(1, ge=1, le=50, description="k: slots per LLM call")
    unique: list[ColumnName] | None = Field(
        None, description="columns that make a duplicate; default: all of the record but uuids; []: no check"
    )
    columns: list[Column] = Field(min_length=1, max_length=500)
    gate: Gate | None = Field(None, description="what the finished records must be before they are released")


def recipe_json_schema() -> dict[str, Any]:
    """The JSON Schema that an editor can complete a recipe by."""
    return Recipe.model_json_schema(mode="validation")
