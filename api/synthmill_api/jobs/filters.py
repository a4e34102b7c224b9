"""Which jobs a list shows, and in which order."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from synthmill.errors import UserError
from synthmill.jobs.purposes import of_purpose
from synthmill.ports.records import Condition, Range, Where
from synthmill_api.errors import Code, Refused
from synthmill_api.jobs.labels import label_path
from synthmill_api.kit.moments import Moment
from synthmill_schemas.job import JobPurpose, JobState

_SORT = "^-?(created_at|updated_at|dataset|state|records)$"


class JobFilter:
    """The query of `GET /v1/jobs`; all that is given has to hold."""

    def __init__(
        self,
        state: Annotated[list[JobState] | None, Query(description="only jobs in one of these states")] = None,
        purpose: Annotated[
            list[JobPurpose] | None,
            Query(
                description="what the jobs are for: `dataset`, which is the default; `quote`, the small ones that "
                "POST /v1/quotes makes; both of them: all jobs"
            ),
        ] = None,
        dataset: Annotated[str | None, Query(max_length=63)] = None,
        label: Annotated[
            list[str] | None, Query(max_length=50, description="only with these labels, each name:value")
        ] = None,
        created_from: Annotated[Moment | None, Query(description="not before; UTC unless it says otherwise")] = None,
        created_to: Annotated[Moment | None, Query(description="not after")] = None,
        q: Annotated[
            str | None,
            Query(max_length=1_000, description="words of the dataset, its description, source names and label values"),
        ] = None,
        sort: Annotated[
            str, Query(pattern=_SORT, description="a field, - before it for the largest first")
        ] = "-created_at",
    ) -> None:
        self.words = q
        self.sort = sort
        told = dict(_conditions(state, dataset, label or [], created_from, created_to))
        self.where: Where = {**of_purpose(purpose or ()), **told}


def _conditions(
    state: list[JobState] | None,
    dataset: str | None,
    labels: list[str],
    created_from: datetime | None,
    created_to: datetime | None,
) -> Iterator[tuple[str, Condition]]:
    if state:
        yield "state", [each.value for each in state]
    if dataset is not None:
        yield "dataset", dataset
    for label in labels:
        name, _, value = label.partition(":")
        try:
            yield label_path(name), value
        except UserError as error:
            detail = f"label {name!r} cannot be filtered by: names of letters, digits, _ and - can"
            raise Refused(Code.INVALID_REQUEST, detail) from error
    if created_from is not None or created_to is not None:
        yield "created_at", Range(_written(created_from), _written(created_to))


def _written(moment: datetime | None) -> str | None:
    """As documents have it, so that texts compare like times."""
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
