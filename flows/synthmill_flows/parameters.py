"""What a person or a program gives a run: typed, bounded, ids and names only; Prefect makes its form of it.

A field that may be left out is an empty text and not None, for which the form would show a switch.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Tenant = Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_-]{0,62})?$")]
OptionalJobId = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]{0,63})?$")]
RecipeName = Annotated[str, StringConstraints(max_length=1_024)]
InputName = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]

RECIPE_HELP = "A stored recipe as `name` or `name@version`, or the path of a file on the machine where the run works."
INPUTS_HELP = "Uploaded sources by id (`src_…`) or by name (the newest), or paths on the machine where the run works."
TENANT_HELP = "Whose it is. Empty: the tenant of this deployment."

MOST_RECORDS = 100_000_000
MOST_INPUTS = 1_000


class Parameters(BaseModel):
    """Base: nothing that is not declared, and no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GenerateParameters(Parameters):
    """A dataset to generate, or a job to go on with."""

    model_config = ConfigDict(title="Dataset")

    recipe: RecipeName = Field("", title="Recipe", description=RECIPE_HELP, json_schema_extra={"position": 0})
    inputs: list[InputName] = Field(
        default_factory=list,
        max_length=MOST_INPUTS,
        title="Inputs",
        description=INPUTS_HELP,
        json_schema_extra={"position": 1},
    )
    records: int | None = Field(
        None,
        ge=1,
        le=MOST_RECORDS,
        title="Records",
        description="How many. None: the recipe's number.",
        json_schema_extra={"position": 2},
    )
    allow_parked: bool = Field(
        False,
        title="Allow parked",
        description="Complete and release the dataset though some slots had to be taken out with evidence.",
        json_schema_extra={"position": 3},
    )
    tenant: Tenant = Field("", title="Tenant", description=TENANT_HELP, json_schema_extra={"position": 4})
    job_id: OptionalJobId = Field(
        "",
        title="Job",
        description="A job that exists, to go on with; then no recipe is needed. Empty: a new one with the run's id.",
        json_schema_extra={"position": 5},
    )
    out: str = Field(
        "",
        max_length=1_024,
        title="Folder",
        description="Where the run writes the files, on its machine. Empty: none; the API has the records.",
        json_schema_extra={"position": 6},
    )
