"""The requests that the record store sends; the only module that names `elasticsearch`.

Every error comes out as one of ours: what may pass is `StoreUnavailable`, and nothing is tried again here.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from elasticsearch import ApiError, AsyncElasticsearch, SSLError, TransportError

from synthmill.errors import StorageFull, StoreUnavailable, SynthmillError, UserError, VersionConflict
from synthmill.settings import ElasticSettings

logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # it would tell of every request

Json = dict[str, Any]

_BUSY = {429, 503}
_LATER = {408, 500, 502, 504}


class Busy(StoreUnavailable):
    """The server has no room for the request now; it answers, so trying again soon can help."""


class NotThere(StoreUnavailable):
    """No such index, alias, template or search context; whoever did not expect that finds the store unprepared."""


class NotAccepted(UserError):
    """The server refuses the request as it is."""


class AlreadyThere(SynthmillError):
    """An index of this name exists."""


class TooLarge(UserError):
    """More than the server takes in one request."""


class ElasticClient:
    """A connection pool to one cluster."""

    def __init__(self, settings: ElasticSettings) -> None:
        # elastic-transport would read the certificates' option only for https, and complain
        tls: Json = {"ca_certs": str(settings.ca_file)} if settings.ca_file else {}
        self._elastic = AsyncElasticsearch(
            str(settings.url),
            api_key=settings.api_key.get_secret_value() if settings.api_key else None,
            request_timeout=settings.request_seconds,
            max_retries=0,
            retry_on_timeout=False,
            **tls,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._elastic.close()

    async def bulk(self, lines: Sequence[bytes]) -> list[Json]:
        """The answer to each action; `TooLarge` when there are too many."""
        with _told("bulk"):
            answer = await self._elastic.bulk(operations=cast("Any", lines), timeout="10s")
            return [next(iter(item.values())) for item in answer["items"]]

    async def get_many(self, docs: Sequence[Json]) -> list[Json]:
        """Documents in real time, by `_index` and `_id`."""
        with _told("mget"):
            answer = await self._elastic.mget(docs=docs)
            return list(answer["docs"])

    async def swap(self, index: str, key: str, document: bytes, seq_no: int, primary_term: int) -> Json:
        """Replaces a document if it is still this one, else `VersionConflict`."""
        with _told(f"patch of {key}"):
            answer = await self._elastic.index(
                index=index,
                id=key,
                document=cast("Json", document),
                if_seq_no=seq_no,
                if_primary_term=primary_term,
                timeout="10s",
            )
            return cast("Json", answer.body)

    async def search(self, index: str | None, body: Json) -> Json:
        """The answer of all shards, never of some; an alias that is missing holds nothing."""
        with _told("search"):
            # with a point in time the indexes are known, and these options are refused
            where: Json = {} if index is None else {"index": index, "ignore_unavailable": True}
            answer = await self._elastic.search(**where, body=body, allow_partial_search_results=False)
            return cast("Json", answer.body)

    async def searches(self, wanted: Sequence[tuple[str, Json]]) -> Sequence[Json | Exception]:
        """Several searches of index and body in one request; each has its answer or its error."""
        lines: list[Json] = []
        for index, body in wanted:
            where = {"index": index, "ignore_unavailable": True, "allow_partial_search_results": False}
            lines += [where, body]
        with _told("searches"):
            answer = await self._elastic.msearch(searches=lines)
        return [
            _of_status("search", item["status"], item) if "error" in item else cast("Json", item)
            for item in answer["responses"]
        ]

    async def open_snapshot(self, index: str, keep_alive: str) -> str:
        """A point in time of the index or alias."""
        with _told("point in time"):
            answer = await self._elastic.open_point_in_time(index=index, keep_alive=keep_alive)
            return str(answer["id"])

    async def close_snapshot(self, id_: str) -> None:
        """Gives back a point in time."""
        with _told("point in time"):
            await self._elastic.close_point_in_time(id=id_)

    async def field_types(self, index: str, fields: Sequence[str]) -> Mapping[str, Mapping[str, Json]]:
        """For each field that is mapped its types; where they differ each names its indexes."""
        with _told("field types"):
            answer = await self._elastic.field_caps(index=index, fields=list(fields), ignore_unavailable=True)
            return cast("Mapping[str, Mapping[str, Json]]", answer["fields"])

    async def refresh(self, targets: Sequence[str]) -> None:
        """Makes everything written visible."""
        with _told("refresh"):
            answer = await self._elastic.indices.refresh(index=list(targets), ignore_unavailable=True)
            if answer["_shards"]["failed"]:
                raise StoreUnavailable(f"{', '.join(targets)} could not be refreshed: {answer['_shards']}")

    async def create_index(self, name: str, mappings: Json, aliases: Json) -> None:
        """A new index under its template; `AlreadyThere` when somebody was faster."""
        with _told(f"creation of {name}"):
            await self._elastic.indices.create(index=name, mappings=mappings, aliases=aliases)

    async def put_mapping(self, index: str, mapping: Json) -> None:
        """Adds fields; `NotAccepted` when one has another type already."""
        with _told(f"mapping of {index}"):
            await self._elastic.indices.put_mapping(index=index, body=mapping)

    async def mapping_versions(self, pattern: str) -> dict[str, int]:
        """The version of each index's mapping, by index."""
        with _told("mappings"):
            answer = await self._elastic.indices.get_mapping(
                index=pattern, filter_path="*.mappings._meta.version", ignore_unavailable=True
            )
            return {name: found["mappings"]["_meta"]["version"] for name, found in answer.body.items()}

    async def aliases(self, pattern: str) -> set[str]:
        """The aliases that match."""
        try:
            with _told("aliases"):
                answer = await self._elastic.indices.get_alias(name=pattern)
        except NotThere:
            return set()
        return {alias for found in answer.body.values() for alias in found["aliases"]}

    async def change_aliases(self, actions: Sequence[Json]) -> None:
        """All changes in one step."""
        with _told("aliases"):
            await self._elastic.indices.update_aliases(actions=actions)

    async def template_versions(self, pattern: str) -> dict[str, int]:
        """The version of each index template, by name."""
        try:
            with _told("templates"):
                answer = await self._elastic.indices.get_index_template(name=pattern)
        except NotThere:
            return {}
        return {found["name"]: found["index_template"].get("version", 0) for found in answer["index_templates"]}

    async def put_template(self, name: str, body: Json) -> None:
        """Creates or replaces an index template."""
        with _told(f"template {name}"):
            await self._elastic.indices.put_index_template(name=name, body=body)

    async def can_analyze(self, tokenizer: str, filters: Sequence[str]) -> bool:
        """Whether the server has these parts of an analyzer."""
        try:
            with _told("analyzer"):
                await self._elastic.indices.analyze(tokenizer=tokenizer, filter=list(filters), text="é")
        except NotAccepted:
            return False
        return True


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        raise _of_status(what, error.meta.status, error.body) from error
    except SSLError as error:
        raise StoreUnavailable(
            f"no TLS with the record store ({what}): {error.message}; name the file of its certificate authority in "
            "SYNTHMILL_ELASTICSEARCH__CA_FILE, and the host by a name that is in the certificate"
        ) from error
    except TransportError as error:
        # its text leaves out what happened; the message has it
        raise StoreUnavailable(f"the record store did not answer ({what}): {error.message}") from error


def _of_status(what: str, status: int, body: object) -> Exception:
    reason = reason_of(body)
    text = f"the record store answers {status} ({what}): {reason}"
    if status == 413:
        return TooLarge(text)
    if is_full(status, reason):
        return StorageFull(f"{text}; free space, then resume")
    if status in _BUSY:
        return Busy(text)
    if status in _LATER:
        return StoreUnavailable(text)
    if status == 409:
        return VersionConflict(text)
    if status == 404:
        return NotThere(text)
    if status in {401, 403}:
        return UserError(f"{text}; check SYNTHMILL_ELASTICSEARCH__API_KEY and its rights")
    return AlreadyThere(text) if "resource_already_exists" in reason else NotAccepted(text)


def reason_of(body: object) -> str:
    """What an error's body says, causes included."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    parts = []
    while isinstance(error, Mapping):
        parts.append(f"{error.get('type', 'error')}: {error.get('reason', '')}")
        error = error.get("caused_by") or next(iter(error.get("root_cause", ())), None) if len(parts) < 4 else None
    return "; ".join(dict.fromkeys(parts)) or str(body)[:500]


def is_full(status: int, reason: str) -> bool:
    """Whether the disk of the server is so full that it takes nothing more."""
    return status in {403, 429} and "cluster_block_exception" in reason and "disk" in reason
