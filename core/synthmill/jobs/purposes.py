"""Which jobs a list shows: those for a dataset, and the small ones that quotes are told by where they are asked for."""

from collections.abc import Collection

from synthmill.ports.records import Outside, Range, Where
from synthmill_schemas.job import JobPurpose


def of_purpose(purposes: Collection[JobPurpose] = ()) -> Where:
    """Jobs for one of these; none given: those for a dataset."""
    quote = JobPurpose.QUOTE.value
    if JobPurpose.QUOTE not in purposes:
        return {"purpose": Outside(Range(quote, quote))}  # a job from before there were quotes does not say
    return {} if JobPurpose.DATASET in purposes else {"purpose": quote}
