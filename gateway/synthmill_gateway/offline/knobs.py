"""The fault knobs: what a request's `offline` object and the `SYNTHMILL_OFFLINE__…` variables may say."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "SYNTHMILL_OFFLINE__"

Chance = Annotated[float, Field(ge=0, le=1)]


class KnobsRefused(ValueError):
    """A knob is unknown or out of range; the text names it and what is allowed."""


class Knobs(BaseModel):
    """How slow, and how often wrong. All chances are 0 to 1 and thrown per request, in the order listed here."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    latency_ms: float = Field(0, ge=0, le=600_000, description="every answer waits so long")
    jitter_ms: float = Field(0, ge=0, le=600_000, description="and up to so much longer")
    rate_limit: Chance = Field(0, description="429")
    retry_after: float = Field(1, ge=0, le=3_600, description="seconds, sent with a 429")
    fail: Chance = Field(0, description="500")
    truncate: Chance = Field(0, description='cut off, finish_reason "length"')
    fence: Chance = Field(0, description="right, but inside a code fence with chatter around it")
    wrong_enum: Chance = Field(0, description="an enum value in the wrong case, or invented")
    extra_keys: Chance = Field(0, description="properties nobody asked for")
    half_valid: Chance = Field(0, description="about half the items of a list are broken")
    refuse: Chance = Field(0, description="a refusal")
    text: Chance = Field(0, description="prose instead of JSON")
    broken: Chance = Field(0, description="one of the seven kinds above that fits the answer, each as likely")

    def merged(self, given: object) -> Self:
        """These with a request's `offline` object laid over them. Raises KnobsRefused."""
        if given is None:
            return self
        if not isinstance(given, Mapping):
            raise KnobsRefused("`offline` has to be an object of knobs")
        try:
            return self.model_validate({**self.model_dump(exclude_unset=True), **given})
        except ValidationError as error:
            raise KnobsRefused(_explained(error)) from error


def from_environment(environment: Mapping[str, str] = os.environ) -> Knobs:
    """The defaults of this process. Raises KnobsRefused, so that a misspelt variable stops the start."""
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    try:
        return Knobs.model_validate(given)
    except ValidationError as error:
        raise KnobsRefused(f"{PREFIX}…: {_explained(error)}") from error


def _explained(error: ValidationError) -> str:
    known = ", ".join(Knobs.model_fields)
    faults = [
        f"`{'.'.join(map(str, fault['loc']))}` is no knob; use one of {known}"
        if fault["type"] == "extra_forbidden"
        else f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}"
        for fault in error.errors(include_url=False)
    ]
    return "; ".join(faults)
