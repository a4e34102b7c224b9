"""The query parameters of searches in records, the same for a job and for a version of a dataset, and in rejects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query

from synthmill.ports.records import Scalar, Where
from synthmill.records.fields import FILTER, ORIGIN
from synthmill.records.search import Drawn, Search
from synthmill_api.kit.pages import MOST, PagingHere
from synthmill_schemas.slot import RejectClass

RecordId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,90}$", description="job id and slot", examples=["3f0c9a52-7"]),
]

RejectId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,250}$", description="of the list", examples=["3f0c9a52-7-1-2"]),
]

_Filter = Annotated[str, Query(pattern=FILTER, max_length=1_024)]
_FieldName = Annotated[str, Query(max_length=256)]

FILTERS = (
    "`field=value` (given again for one field: any of them), `field>=value`, `field<=value`; all fields must match. "
    f"Fields are the recipe's columns, nested ones by dots, and a record's origin: {', '.join(ORIGIN)}"
)
FiltersHere = Annotated[
    list[_Filter] | None,
    Query(alias="filter", max_length=50, description=FILTERS, examples=[["priority=high", "customer.age>=18"]]),
]


async def _search(
    paging: PagingHere,
    filters: FiltersHere = None,
    q: Annotated[
        str | None, Query(max_length=1_024, description="words, all of which the record holds", examples=["late order"])
    ] = None,
    facets: Annotated[
        list[_FieldName] | None,
        Query(alias="facet", max_length=10, description="count the matches by this field's values"),
    ] = None,
    fields: Annotated[
        list[_FieldName] | None, Query(alias="field", max_length=100, description="show only these; default: all")
    ] = None,
    sort: Annotated[
        str | None,
        Query(max_length=256, description="a field, - before it: downwards; default: the slot", examples=["-score"]),
    ] = None,
    sample: Annotated[
        int | None, Query(ge=1, le=MOST, description="so many of the matches by chance, in random order")
    ] = None,
    seed: Annotated[int, Query(ge=0, lt=1 << 31, description="of the sample; the same one gives the same records")] = 0,
) -> Search:
    return Search(
        text=q,
        filters=filters or (),
        facets=facets or (),
        fields=fields or (),
        sort=sort,
        limit=paging.limit,
        cursor=paging.cursor,
        sample=None if sample is None else Drawn(sample, seed),
    )


SearchHere = Annotated[Search, Depends(_search)]


@dataclass(frozen=True, slots=True)
class Rejects:
    """Which rejects, and in which order."""

    conditions: Where
    sort: str


async def _rejects(
    reject_class: Annotated[list[RejectClass] | None, Query(description="any of these")] = None,
    record_id: Annotated[
        list[Annotated[str, Query(max_length=100)]] | None, Query(max_length=100, description="any of these slots")
    ] = None,
    round_: Annotated[int | None, Query(alias="round", ge=1, le=1_000)] = None,
    call_id: Annotated[str | None, Query(max_length=200, description="of this call")] = None,
    source: Annotated[str | None, Query(max_length=1_024, description="from rows of this file")] = None,
    newest_first: Annotated[bool, Query()] = False,
) -> Rejects:
    given: dict[str, Scalar | Sequence[Scalar] | None] = {
        "reject_class": [each.value for each in reject_class] if reject_class else None,
        "record_id": record_id,
        "round": round_,
        "call_id": call_id,
        "lineage.source": source,
    }
    conditions = {name: value for name, value in given.items() if value is not None}
    return Rejects(conditions, "-at" if newest_first else "at")


RejectsHere = Annotated[Rejects, Depends(_rejects)]
