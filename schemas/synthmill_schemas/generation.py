"""The generation request: k slots of one job and round, for one LLM call.

It is self-contained, so that `cat requests.ndjson | synthmill-consumer --stdio` needs nothing else.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from synthmill_schemas.base import (
    DEFAULT_TENANT,
    ColumnName,
    Contract,
    JobId,
    JsonObject,
    Name,
    Round,
    Sha256,
    Slot,
)
from synthmill_schemas.budget import Budget, Price
from synthmill_schemas.recipe import ModelLimits, ValueType
from synthmill_schemas.seed import Lineage


class RequestModel(Contract):
    """Which model to call; without `base_url` the consumer's gateway."""

    route: str
    base_url: str | None = None
    api_key_env: str | None = None
    system: str | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    timeout_seconds: float = Field(120, gt=0)
    limits: ModelLimits | None = None
    price: Price | None = Field(None, description="for answers that do not say what they cost, and for the budget")


class RequestLlmColumn(Contract):
    """A column the model writes. `prompt` is a minijinja template over the slot's attributes."""

    kind: Literal["llm"] = "llm"
    name: ColumnName
    prompt: str
    json_schema: JsonObject


class RequestExpressionColumn(Contract):
    """A column computed after the call, from attributes and earlier columns of this list."""

    kind: Literal["expression"] = "expression"
    name: ColumnName
    template: str
    value_type: ValueType = ValueType.STRING


RequestColumn = Annotated[RequestLlmColumn | RequestExpressionColumn, Field(discriminator="kind")]


class RequestSlot(Contract):
    """One slot: its fixed attribute tuple (source, sampler and early expression columns) and its seed."""

    slot: Slot
    seed_id: str | None = None
    lineage: Lineage | None = None
    attributes: dict[ColumnName, JsonValue]


class GenerationRequest(Contract):
    """On the `generation` queue."""

    kind: Literal["generation_request"] = "generation_request"
    version: Literal[1] = 1
    tenant: Name = DEFAULT_TENANT
    dataset: Name
    job_id: JobId
    request_id: str
    round: Round
    recipe_hash: Sha256
    recipe_seed: int = Field(ge=0, lt=1 << 53)
    model: RequestModel | None = Field(description="none: no llm column, no call is made")
    columns: list[RequestColumn] = Field(description="what is still to be made, in order of evaluation")
    output: list[ColumnName] = Field(min_length=1, description="the record's columns, in order")
    unique: list[ColumnName] = Field(description="columns hashed for the claim; empty: no claim is made")
    record_schema: JsonObject = Field(description="JSON Schema of the record")
    slots: list[RequestSlot] = Field(min_length=1, max_length=50)
    max_attempts: int = Field(4, ge=1, le=20)
    budget: Budget | None = Field(None, description="caps of the job: each of its calls is reserved before it is made")
    traceparent: str | None = None
