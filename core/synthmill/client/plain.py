"""The client for plain code. `coroutines` has the same methods; a test holds the two together."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from synthmill.client import calls
from synthmill.client.calls import Call, Listed, Order, Wanted
from synthmill.client.errors import ApiError, error_of, unreachable
from synthmill.client.files import PIECE_BYTES, Partial, chunks, partial, sha256_of
from synthmill.client.frames import Listener
from synthmill.client.models import (
    End,
    Event,
    Export,
    Job,
    JobProgress,
    Page,
    Quote,
    RecipeVersion,
    RecordItem,
    RecordPage,
    Reject,
    Source,
    StoredRecipe,
    Told,
)
from synthmill.client.patience import Patience
from synthmill.errors import ExportFailed, Retriable
from synthmill_schemas.file_export import ExportFormat, ExportState
from synthmill_schemas.job import JobPurpose, JobState

T = TypeVar("T")

POLL_SECONDS = 0.3
ASKED_ANEW = frozenset({408, 409, 423, 429, 460, 502, 503, 504})
"""A piece was not taken, or is not what was expected there: where the upload stands says what to send."""


class Client:
    """One server and one key. Refusals are `ApiError`s.

    What may succeed later is tried again, for `patience` seconds at most.
    """

    def __init__(self, url: str, key: str, *, patience: float = 60.0, http: httpx.Client | None = None) -> None:
        self._http = http or httpx.Client(timeout=60.0)
        self._url = url.rstrip("/")
        self._auth = {"authorization": f"Bearer {key}"}
        self._patience = patience

    def close(self) -> None:
        """Gives the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def upload(self, path: Path, *, name: str | None = None) -> Source:
        """A file as a source; the same bytes are the same source. Large ones go on after a break."""
        size, sha256 = path.stat().st_size, sha256_of(path)
        if size > PIECE_BYTES:
            return self._upload_pieces(path, name or path.name, size, sha256)
        return self._do(calls.upload(name or path.name, sha256), functools.partial(chunks, path))

    def sources(self) -> Iterator[Source]:
        """All, the newest first."""
        return self._pages(calls.sources)

    def delete_source(self, source_id: str) -> None:
        """With everything that was made of it."""
        return self._do(calls.delete_source(source_id))

    def store_recipe(self, recipe: Mapping[str, Any]) -> StoredRecipe:
        """A new version, or the one that says the same."""
        return self._do(calls.store_recipe(recipe))

    def recipe(self, name: str, version: int | None = None) -> StoredRecipe:
        """The last version, or this one."""
        return self._do(calls.recipe(name, version))

    def recipes(self) -> Iterator[RecipeVersion]:
        """The last version of each."""
        return self._pages(calls.recipes)

    def create_job(
        self,
        *,
        recipe: Mapping[str, Any] | None = None,
        stored_recipe: str | None = None,
        sources: Sequence[str] = (),
        rows: Sequence[Mapping[str, Any]] = (),
        records: int | None = None,
        labels: Mapping[str, str] | None = None,
        max_usd: float | None = None,
        max_tokens: int | None = None,
        key: str | None = None,
    ) -> Job:
        """A job. `stored_recipe`: `name` or `name@version`. `key`: the same one is the same job; default: a new one."""
        order = Order(recipe, stored_recipe, sources, rows, records, labels or {}, max_usd, max_tokens)
        return self._do(calls.create_job(order, key))

    def quote(
        self,
        *,
        recipe: Mapping[str, Any] | None = None,
        stored_recipe: str | None = None,
        sources: Sequence[str] = (),
        rows: Sequence[Mapping[str, Any]] = (),
        records: int | None = None,
        slots: int = 10,
        key: str | None = None,
    ) -> Quote:
        """What the whole would take, told by making and paying so many slots of it. Returns when that is known.

        `key`: the same one is the same quote; default: a new one.
        """
        order = Order(recipe, stored_recipe, sources, rows, records)
        quote = self._do(calls.create_quote(order, slots, key))
        while not quote.rests:
            time.sleep(POLL_SECONDS)
            quote = self._do(calls.quote(quote.id))
        return quote

    def job(self, job_id: str) -> JobProgress:
        """How it stands."""
        return self._do(calls.job(job_id))

    def jobs(
        self, *, states: Sequence[JobState] = (), dataset: str | None = None, purposes: Sequence[JobPurpose] = ()
    ) -> Iterator[Job]:
        """All, the newest first; the small jobs of quotes only if `purposes` says so."""
        listed = Listed(states, dataset, purposes)
        return self._pages(lambda cursor: calls.jobs(listed, cursor))

    def cancel(self, job_id: str) -> Job:
        """Calls in flight end, no new ones begin, what is accepted stays."""
        return self._do(calls.move(job_id, "cancel"))

    def pause(self, job_id: str) -> Job:
        """As cancelled, but meant to go on."""
        return self._do(calls.move(job_id, "pause"))

    def resume(self, job_id: str) -> Job:
        """Only slots without an accepted record are worked on."""
        return self._do(calls.move(job_id, "resume"))

    def wait(self, job_id: str, on_progress: Callable[[JobProgress], None] | None = None) -> JobProgress:
        """Returns when the job rests: ended, blocked or paused."""
        for told in self.follow(job_id):
            if isinstance(told, JobProgress):
                if on_progress is not None:
                    on_progress(told)
                if told.rests:
                    break
        return self.job(job_id)

    def follow(self, job_id: str, after: str | None = None) -> Iterator[Told]:
        """What happens, from the job's beginning or from behind a position, until it ends; each thing once.

        A connection that breaks is made again. A server that is away for longer than the patience is an error.
        """
        listener, patience = Listener(after), Patience(self._patience)
        while True:
            try:
                for told in self._listen(job_id, listener):
                    patience = Patience(self._patience)
                    yield told
                    if isinstance(told, End):
                        return
            except Retriable:
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                time.sleep(seconds)

    def records(
        self, job_id: str, text: str | None = None, *, filters: Sequence[str] = (), sort: str | None = None
    ) -> Iterator[RecordItem]:
        """All that match, page by page; also while the job runs."""
        wanted = Wanted(text, filters, sort=sort, limit=1_000)
        return self._pages(lambda cursor: calls.records(job_id, wanted, cursor))

    def search(self, job_id: str, wanted: Wanted, cursor: str | None = None) -> RecordPage:
        """One page, with facets."""
        return self._do(calls.records(job_id, wanted, cursor))

    def dataset_records(
        self, dataset: str, wanted: Wanted | None = None, *, version: int | None = None
    ) -> Iterator[RecordItem]:
        """What a version of a dataset shows, the latest by default."""
        return self._pages(lambda cursor: calls.dataset_records(dataset, version, wanted or Wanted(), cursor))

    def rejects(self, job_id: str) -> Iterator[Reject]:
        """Failed attempts, in order."""
        return self._pages(lambda cursor: calls.rejects(job_id, cursor))

    def events(self, job_id: str) -> Iterator[Event]:
        """What happened, in order."""
        return self._pages(lambda cursor: calls.events(job_id, cursor))

    def export(self, job_id: str, path: Path, form: ExportFormat | str = ExportFormat.JSONL, **more: object) -> Export:
        """All records in one file, written by a worker, fetched, and checked. `more`: e.g. compression="gzip"."""
        export = self._do(calls.order_export(job_id, form, more))
        while export.state in (ExportState.REQUESTED, ExportState.WRITING):
            time.sleep(POLL_SECONDS)
            export = self._do(calls.export(job_id, export.id))
        if export.state is not ExportState.DONE:
            raise ExportFailed(f"{export.file_name} is {export.state}: {export.reason or 'ask for it again'}")
        with partial(path) as file:
            self._fetch(export, file)
            file.check(export.sha256)
        return export

    def _upload_pieces(self, path: Path, name: str, size: int, sha256: str) -> Source:
        where = self._do(calls.begin_upload(name, size, sha256))
        stands, patience = calls.Stands(0, None), Patience(self._patience)
        while stands.source is None:
            offset = stands.offset
            try:
                stands = self._do(calls.piece(where, offset), functools.partial(chunks, path, offset, PIECE_BYTES))
            except (Retriable, ApiError) as error:
                if isinstance(error, ApiError) and error.status not in ASKED_ANEW:
                    raise
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                time.sleep(seconds)
                stands = self._do(calls.upload_stands(where))
            else:
                patience = Patience(self._patience)
        return self._do(calls.source_at(stands.source))

    def _fetch(self, export: Export, file: Partial) -> None:
        patience = Patience(self._patience)
        while True:
            path, headers = calls.content(export, file.size)
            try:
                with self._stream(path, headers) as response:
                    if response.status_code == 200 and file.size:
                        file.begin_anew()
                    for data in response.iter_bytes():
                        file.write(data)
            except Retriable:
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                time.sleep(seconds)
            else:
                return

    def _listen(self, job_id: str, listener: Listener) -> Iterator[Told]:
        listener.reconnected()
        path, headers = calls.stream(job_id, listener.position)
        with self._stream(path, headers) as response:
            if response.status_code == 204:
                last = self.job(job_id)
                yield End(job_id=job_id, state=last.state, reason=last.reason)
                return
            for text in response.iter_lines():
                if (told := listener.line(text)) is not None:
                    yield told

    def _stream(self, path: str, headers: Mapping[str, str]) -> "_Streamed":
        return _Streamed(
            self._http, self._http.build_request("GET", self._url + path, headers={**self._auth, **headers})
        )

    def _pages(self, call: Callable[[str | None], Call[Any]]) -> Iterator[Any]:
        cursor = None
        while True:
            page: Page[Any] = self._do(call(cursor))
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _do(self, call: Call[T], content: Callable[[], Iterator[bytes]] | None = None) -> T:
        """Sends it, again if it is worth it, and reads the answer."""
        patience = Patience(self._patience)
        while True:
            request = self._http.build_request(
                call.method,
                self._url + call.path,
                params=call.query,
                json=call.json,
                content=None if content is None else content(),
                headers={**self._auth, **call.headers},
            )
            try:
                response = self._http.send(request)
            except httpx.HTTPError as error:
                if (seconds := patience.after_silence(safe=call.safe)) is None:
                    raise unreachable(request.url, error) from error
            else:
                if response.is_success:
                    return call.read(response)
                if (seconds := patience.after(response)) is None:
                    raise error_of(response)
            time.sleep(seconds)


class _Streamed:
    """An answer that is read while it comes; what breaks it is `Unreachable`."""

    def __init__(self, http: httpx.Client, request: httpx.Request) -> None:
        self._http = http
        self._request = request
        self._response: httpx.Response | None = None

    def __enter__(self) -> httpx.Response:
        try:
            self._response = self._http.send(self._request, stream=True)
        except httpx.HTTPError as error:
            raise unreachable(self._request.url, error) from error
        if self._response.is_error:
            self._response.read()
            self._response.close()
            raise error_of(self._response)
        return self._response

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._response is not None:
            self._response.close()
        if isinstance(error, httpx.HTTPError):
            raise unreachable(self._request.url, error) from error
