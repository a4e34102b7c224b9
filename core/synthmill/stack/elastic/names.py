"""How indexes, aliases and documents are called, so that tenants never meet.

A dataset's slots lie in indexes of their own; every other kind of document shares one index among the tenants, where
the tenant stands before each id and in a field of its own. A dot separates tenant and dataset, which cannot hold one.
"""

import re
from dataclasses import dataclass

from synthmill.errors import UserError
from synthmill.ports.records import Collection, Place

DOC_ID = "doc_id"
"""A document's id without its tenant, as a field: Elasticsearch cannot sort by its own `_id`."""

DOC_TENANT = "doc_tenant"
"""Whose document it is, where tenants share an index; a document's own `tenant` is its author's to fill."""

ADDED = frozenset({DOC_ID, DOC_TENANT})
"""Fields that every writer adds and every reader takes away."""

READ_ONLY = "records are the accepted slots and read-only: write to slots"

_BY_DATASET = {Collection.SLOTS, Collection.RECORDS}
_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class Home:
    """Where the documents of a place lie: `target` is the index or alias to search."""

    tenant: str
    collection: Collection
    dataset: str | None
    target: str

    @property
    def shared(self) -> bool:
        """Whether other tenants' documents lie there too."""
        return self.dataset is None

    @property
    def accepted_only(self) -> bool:
        """Whether only accepted slots belong to it."""
        return self.collection is Collection.RECORDS

    def key(self, id_: str) -> str:
        """A document's `_id`."""
        return f"{self.tenant}:{id_}" if self.shared else id_

    def id(self, key: str) -> str:
        """The id of the document whose `_id` this is."""
        return key.removeprefix(f"{self.tenant}:") if self.shared else key


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one installation; `prefix` stands before each."""

    prefix: str

    @property
    def registry(self) -> str:
        """The alias of the index that knows every dataset's indexes."""
        return f"{self.prefix}-datasets"

    def shared(self, collection: Collection) -> str:
        """The alias of a kind of documents that all tenants share."""
        return f"{self.prefix}-{collection}"

    def first_index(self, alias: str) -> str:
        """The index behind a shared alias; a mapping that cannot be widened would come with a second one."""
        return f"{alias}-v1"

    def slots(self, tenant: str, dataset: str) -> str:
        """The alias of all slots of a dataset."""
        return f"{self.prefix}-slots-{_checked(tenant)}.{_checked(dataset)}"

    def records(self, tenant: str, dataset: str) -> str:
        """The alias of a dataset's records, filtered on accepted."""
        return f"{self.prefix}-records-{_checked(tenant)}.{_checked(dataset)}"

    def latest(self, tenant: str, dataset: str) -> str:
        """The alias of the records of the version last promoted."""
        return f"{self.prefix}-latest-{_checked(tenant)}.{_checked(dataset)}"

    def records_index(self, tenant: str, dataset: str, mapping_hash: str) -> str:
        """An index of a dataset whose fields are mapped as the hash says."""
        return f"{self.records(tenant, dataset)}.{mapping_hash}"

    def home(self, place: Place) -> Home:
        """Where to read; `ValueError` when slots or records come without a dataset."""
        tenant, collection = _checked(place.tenant), place.collection
        if collection not in _BY_DATASET:
            return Home(tenant, collection, None, self.shared(collection))
        if not place.dataset:
            raise ValueError(f"{collection} are kept by dataset: name one")
        alias = self.records if collection is Collection.RECORDS else self.slots
        return Home(tenant, collection, place.dataset, alias(tenant, place.dataset))

    def writable_home(self, place: Place) -> Home:
        """Where to write; `ValueError` for records."""
        if place.collection is Collection.RECORDS:
            raise ValueError(READ_ONLY)
        return self.home(place)


def _checked(name: str) -> str:
    """Names stand in index names, where a star or a comma would reach other tenants."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no usable name: small letters, digits, _ and -, at most 63 characters")
    return name
