"""Reading documents: get, search, facets, totals and scans, each over an open connection."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synthmill import cursors
from synthmill.embedded import sqlite
from synthmill.embedded.filters import Sql, all_of, elements, json_type, number, selected
from synthmill.embedded.orders import Order
from synthmill.embedded.places import Home
from synthmill.embedded.schema import COLUMNS
from synthmill.embedded.sqlite import Connection
from synthmill.embedded.words import match
from synthmill.errors import UserError
from synthmill.ports.records import Page, Query, Stored, Totals, Where

MAX_LIMIT = 10_000
"""The largest page, as a search server has it."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Which set of document tables to read."""

    documents: str = "documents"
    words: str = "words"


LIVE = Tables()
SEEN = Tables("seen", "seen_words")


def get_many(connection: Connection, home: Home, ids: Sequence[str]) -> list[Stored | None]:
    """The documents in the order of `ids`."""
    there = all_of([selected(home, None), Sql("id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),))])
    rows = connection.execute(f"SELECT id, document, version FROM documents WHERE {there.text}", there.parameters)
    found = {row[0]: _stored(row) for row in rows}
    return [found.get(id_) for id_ in ids]


def search(connection: Connection, tables: Tables, home: Home, query: Query) -> Page:
    """One page, in the order of the sort field (documents without it last), then of the id."""
    matching = _matching(tables, home, _bounded(query))
    total = _count(connection, tables, matching)
    order = Order.of(query.sort)
    wanted = all_of([matching, order.behind(cursors.read(query))]) if query.cursor else matching
    rows = connection.execute(
        f"SELECT id, document, version, {order.value} FROM {tables.documents}"
        f" WHERE {wanted.text} ORDER BY {order.text} LIMIT ?",
        (*wanted.parameters, query.limit + 1),
    ).fetchall()
    hits = rows[: query.limit]
    more = hits and len(rows) > query.limit
    return Page([_stored(row) for row in hits], total, cursors.write(query, hits[-1][3], hits[-1][0]) if more else None)


def sample(connection: Connection, tables: Tables, home: Home, query: Query, seed: int) -> Page:
    """Those whose ids come first when shuffled by the seed."""
    matching = _matching(tables, home, _bounded(query))
    rows = connection.execute(
        f"SELECT id, document, version FROM {tables.documents} WHERE number IN (SELECT number FROM {tables.documents}"
        f" WHERE {matching.text} ORDER BY {sqlite.SHUFFLED}(id, ?) LIMIT ?) ORDER BY {sqlite.SHUFFLED}(id, ?)",
        (*matching.parameters, str(seed), query.limit, str(seed)),
    )
    return Page([_stored(row) for row in rows], _count(connection, tables, matching), None)


def count(connection: Connection, tables: Tables, home: Home, where: Where | None) -> int:
    """How many match."""
    return _count(connection, tables, selected(home, where))


def totals(connection: Connection, tables: Tables, home: Home, names: Sequence[str], where: Where | None) -> Totals:
    """Count and sums; what is no number adds nothing."""
    sums = "".join(f", total({number(name)}), count({number(name)})" for name in names)
    matching = selected(home, where)
    row = connection.execute(
        f"SELECT count(*){sums} FROM {tables.documents} WHERE {matching.text}", matching.parameters
    ).fetchone()
    return Totals(
        row[0], dict(zip(names, map(float, row[1::2]), strict=True)), dict(zip(names, row[2::2], strict=True))
    )


def facets(connection: Connection, tables: Tables, home: Home, path: str, query: Query) -> dict[str, int]:
    """Values and how many matches hold each; each element of a list counts."""
    matching = _matching(tables, home, query)
    if path in COLUMNS:
        source, held, there = tables.documents, path, f"{path} IS NOT NULL"
    else:
        source = f"{tables.documents}, {elements(path)} AS element"
        held = "CASE WHEN element.type IN ('true', 'false') THEN element.type ELSE element.value END"
        there = f"{json_type(path)} IS NOT 'object' AND element.type NOT IN ('null', 'object', 'array')"
    rows = connection.execute(
        f"SELECT {held} AS held, count(DISTINCT number) AS documents FROM {source}"
        f" WHERE {matching.text} AND {there} GROUP BY held ORDER BY documents DESC, held LIMIT ?",
        (*matching.parameters, query.limit),
    )
    return {str(value): documents for value, documents in rows}


def start_scan(connection: Connection, tables: Tables, home: Home, where: Where | None, sort: str, name: str) -> None:
    """Notes the numbers of all matches in order, in a temporary table that spills to the disk."""
    matching = selected(home, where)
    order = Order.of(sort)
    connection.execute(f"CREATE TEMP TABLE {name} (position INTEGER PRIMARY KEY, number INTEGER)")
    connection.execute(
        f"INSERT INTO {name} (number) SELECT number FROM {tables.documents}"
        f" WHERE {matching.text} ORDER BY {order.text}",
        matching.parameters,
    )


def scan_sorted(
    connection: Connection, tables: Tables, home: Home, name: str, behind: int, limit: int
) -> tuple[list[Stored], int | None]:
    """The next noted documents that are still there, and the position to go on behind; None at the end."""
    there = selected(home, None)
    rows = connection.execute(
        f"SELECT id, document, version, position FROM temp.{name} AS noted"
        f" LEFT JOIN {tables.documents} AS kept ON kept.number = noted.number AND {there.text}"
        " WHERE position > ? ORDER BY position LIMIT ?",
        (*there.parameters, behind, limit),
    ).fetchall()
    return [_stored(row) for row in rows if row[0] is not None], rows[-1][3] if rows else None


def end_scan(connection: Connection, name: str) -> None:
    """Drops what `start_scan` noted."""
    connection.execute(f"DROP TABLE IF EXISTS temp.{name}")


def scan_by_id(
    connection: Connection, tables: Tables, home: Home, where: Where | None, behind: str, limit: int
) -> list[Stored]:
    """The next matches in the order of their ids."""
    matching = all_of([selected(home, where), Sql("id > ?", (behind,))])
    rows = connection.execute(
        f"SELECT id, document, version FROM {tables.documents} WHERE {matching.text} ORDER BY id LIMIT ?",
        (*matching.parameters, limit),
    )
    return [_stored(row) for row in rows]


def _bounded(query: Query) -> Query:
    if not 0 <= query.limit <= MAX_LIMIT:
        raise UserError(f"a page has 0 to {MAX_LIMIT} hits, not {query.limit}")
    return query


def _matching(tables: Tables, home: Home, query: Query) -> Sql:
    matching = selected(home, query.where)
    if query.text is None or not query.text.strip():
        return matching
    words = match(home.collection, query.text)
    found = Sql(f"number IN (SELECT rowid FROM {tables.words} WHERE {tables.words} MATCH ?)", (words,))
    return all_of([matching, found])


def _count(connection: Connection, tables: Tables, matching: Sql) -> int:
    (number,) = connection.execute(
        f"SELECT count(*) FROM {tables.documents} WHERE {matching.text}", matching.parameters
    ).fetchone()
    return int(number)


def _stored(row: Sequence[Any]) -> Stored:
    return Stored(row[0], json.loads(row[1]), row[2])
