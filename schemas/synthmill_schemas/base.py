"""The base model and field types shared by all contracts."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

JsonObject = dict[str, Any]

# An index name in Elasticsearch is lower case; ids are joined with "-" and used as object keys.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Round = Annotated[int, Field(ge=1, le=1000)]
Slot = Annotated[int, Field(ge=0, lt=1 << 40)]
Count = Annotated[int, Field(ge=0)]

DEFAULT_TENANT = "default"


class Contract(BaseModel):
    """A frozen model that forbids unknown fields and puts every field into its serialized schema."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_serialization_defaults_required=True,
        ser_json_inf_nan="null",
        serialize_by_alias=True,
        validate_by_name=True,
    )


def now() -> datetime:
    """The current time in UTC; every time in a contract carries its zone."""
    return datetime.now(UTC)
