"""Places as the tables know them: records are the accepted slots, and only slots are kept apart by dataset."""

from dataclasses import dataclass

from synthmill.embedded.sqlite import Connection
from synthmill.ports.records import Collection, Place

READ_ONLY = "records are the accepted slots and read-only: write to slots"


@dataclass(frozen=True, slots=True)
class Home:
    """Where the documents of a place lie; `accepted_only` for records."""

    tenant: str
    collection: str
    dataset: str
    accepted_only: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """The parameters of `NUMBER`."""
        return self.tenant, self.collection, self.dataset


NUMBER = "(SELECT number FROM places WHERE tenant = ? AND collection = ? AND dataset = ?)"
"""A place's number in SQL; its parameters are `Home.key`."""


def home_of(place: Place) -> Home:
    """Where to read; `ValueError` when slots or records come without a dataset."""
    if place.collection not in {Collection.SLOTS, Collection.RECORDS}:
        return Home(place.tenant, place.collection, "", accepted_only=False)
    if not place.dataset:
        raise ValueError(f"{place.collection} are kept by dataset: name one")
    return Home(place.tenant, Collection.SLOTS, place.dataset, place.collection is Collection.RECORDS)


def writable_home_of(place: Place) -> Home:
    """Where to write; `ValueError` for records."""
    if place.collection is Collection.RECORDS:
        raise ValueError(READ_ONLY)
    return home_of(place)


def number_of(connection: Connection, home: Home) -> int:
    """The place's number, given now if it has none yet."""
    connection.execute(
        "INSERT INTO places (tenant, collection, dataset) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", home.key
    )
    (number,) = connection.execute(f"SELECT {NUMBER}", home.key).fetchone()
    return int(number)
