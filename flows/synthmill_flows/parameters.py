"""What a person or a program gives a run: typed, bounded, ids and names only; Prefect makes its form of it.

A field that may be left out is an empty text and not None, for which the form would show a switch.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from synthmill.catalog.locations import LocationKind
from synthmill_schemas.base import JobId
from synthmill_schemas.slot import RejectClass

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


Location = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
GivenRecipe = Annotated[str, StringConstraints(min_length=1, max_length=1_024)]

PARKED_HELP = "Complete and release the dataset though some slots had to be taken out with evidence."
LOCATION_HELP = "Path of the folder on the machine where the run works, prefix of the bucket's keys, or source's name."
DRY_HELP = "Change nothing, only count."

MOST_QUOTED = 100


class RefreshParameters(Parameters):
    """A dataset to bring up to what its sources say now."""

    model_config = ConfigDict(title="Refresh")

    recipe: GivenRecipe = Field(title="Recipe", description=RECIPE_HELP, json_schema_extra={"position": 0})
    place: LocationKind = Field(
        LocationKind.UPLOAD,
        title="Place",
        description="Where the rows are: a folder, a prefix of the bucket, or the newest upload under a name.",
        json_schema_extra={"position": 1},
    )
    location: Location = Field(title="Location", description=LOCATION_HELP, json_schema_extra={"position": 2})
    allow_parked: bool = Field(False, title="Allow parked", description=PARKED_HELP, json_schema_extra={"position": 3})
    tenant: Tenant = Field("", title="Tenant", description=TENANT_HELP, json_schema_extra={"position": 4})
    job_id: OptionalJobId = Field(
        "",
        title="Job",
        description="Id of the job to make, or of one that exists. Empty: the run's id.",
        json_schema_extra={"position": 5},
    )


class ReplayParameters(Parameters):
    """Slots of a job to be tried again."""

    model_config = ConfigDict(title="Replay")

    job_id: JobId = Field(title="Job", description="A job at rest.", json_schema_extra={"position": 0})
    classes: list[RejectClass] = Field(
        default_factory=list,
        max_length=len(RejectClass),
        title="Classes",
        description="Why their tries failed. None: whatever the reason was.",
        json_schema_extra={"position": 1},
    )
    allow_parked: bool = Field(False, title="Allow parked", description=PARKED_HELP, json_schema_extra={"position": 2})
    tenant: Tenant = Field("", title="Tenant", description=TENANT_HELP, json_schema_extra={"position": 3})


class QuoteParameters(Parameters):
    """A dataset whose price is wanted."""

    model_config = ConfigDict(title="Quote")

    recipe: GivenRecipe = Field(title="Recipe", description=RECIPE_HELP, json_schema_extra={"position": 0})
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
        description="How many to quote for. None: the recipe's number.",
        json_schema_extra={"position": 2},
    )
    slots: int = Field(
        5,
        ge=1,
        le=MOST_QUOTED,
        title="Slots",
        description="How many records to make and pay for; more of them make the quote surer.",
        json_schema_extra={"position": 3},
    )
    tenant: Tenant = Field("", title="Tenant", description=TENANT_HELP, json_schema_extra={"position": 4})
    job_id: OptionalJobId = Field(
        "",
        title="Job",
        description="Id of the job to make, or of one that exists. Empty: the run's id.",
        json_schema_extra={"position": 5},
    )


class ImportPlace(StrEnum):
    """Where files to import are."""

    FOLDER = LocationKind.FOLDER.value
    PREFIX = LocationKind.PREFIX.value


class ImportParameters(Parameters):
    """Files to make sources of."""

    model_config = ConfigDict(title="Import")

    place: ImportPlace = Field(
        ImportPlace.PREFIX,
        title="Place",
        description="Where the files are: a folder, or a prefix of the bucket.",
        json_schema_extra={"position": 0},
    )
    location: Location = Field(
        title="Location",
        description="Path of the folder on the machine where the run works, or prefix of the bucket's keys.",
        json_schema_extra={"position": 1},
    )
    tenant: Tenant = Field("", title="Tenant", description=TENANT_HELP, json_schema_extra={"position": 2})


class SweepParameters(Parameters):
    """What a sweep may do."""

    model_config = ConfigDict(title="Sweep")

    dry_run: bool = Field(False, title="Dry run", description=DRY_HELP, json_schema_extra={"position": 0})
