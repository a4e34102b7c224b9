"""Full text: which words a document is found by, and how a question about them is put to FTS5."""

import re
from collections.abc import Iterator

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Document

_WORD = re.compile(r"\S+")


def words_of(collection: str, document: Document) -> str | None:
    """The text that a document is found by: a record's strings, an event's message, what a job is about, or None."""
    if collection == Collection.SLOTS and document.get("state") == "accepted":
        return "\n".join(_strings(document.get("data")))
    if collection == Collection.EVENTS:
        return str(document.get("message", ""))
    if collection == Collection.JOBS:
        return document.get("about") or None
    return None


def match(collection: str, text: str) -> str:
    """The FTS5 expression for documents that hold all words of `text`; its operators are words like any other."""
    if collection not in {Collection.SLOTS, Collection.EVENTS, Collection.JOBS}:
        raise UserError(f"{collection} have no full text: search records or events, or filter by field")
    quoted = ('"' + word.replace('"', '""') + '"' for word in _WORD.findall(text.replace("\0", " ")))
    return " ".join(quoted)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for element in value:
            yield from _strings(element)
