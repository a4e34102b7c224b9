"""Lists, page by page, each going on where the last ended."""

from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

T = TypeVar("T")

MOST = 1_000


class Listing(BaseModel, Generic[T]):
    """One page in stable order."""

    items: list[T]
    total: int = Field(description="how many there are on all pages together")
    cursor: str | None = Field(description="give it back for the next page; none: this is the last")


class Paging(BaseModel):
    """Which page."""

    limit: int
    cursor: str | None


async def _paging(
    limit: Annotated[int, Query(ge=1, le=MOST, description="items a page")] = 100,
    cursor: Annotated[str | None, Query(max_length=8_192, description="from the page before")] = None,
) -> Paging:
    return Paging(limit=limit, cursor=cursor)


PagingHere = Annotated[Paging, Depends(_paging)]
