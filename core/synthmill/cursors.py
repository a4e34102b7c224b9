"""Cursors: where a page of a search ended, as text that means nothing to whoever carries it."""

import base64
import binascii
import json
from dataclasses import dataclass

from synthmill.errors import UserError
from synthmill.ports.records import Query


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort value and id of a page's last hit."""

    value: str | int | float | None
    id: str


def write(query: Query, value: str | float | None, id_: str) -> str:
    """The text of a cursor; it names the sort field, so that it is not taken for another search's."""
    text = json.dumps([query.sort, value, id_])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read(query: Query) -> Cursor:
    """The cursor of a query that has one; `UserError` when it is not from a search sorted like this."""
    try:
        sort, value, id_ = json.loads(base64.urlsafe_b64decode(query.cursor or ""))
        if sort == query.sort and isinstance(id_, str) and isinstance(value, str | int | float | None):
            return Cursor(value, id_)
    except (ValueError, TypeError, binascii.Error):
        pass
    raise UserError("this cursor is not from a search sorted like this one: start again without it")
