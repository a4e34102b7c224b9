"""The client for coroutines. `plain` has the same methods; a test holds the two together."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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
from synthmill.client.plain import ASKED_ANEW, POLL_SECONDS
from synthmill.errors import ExportFailed, Retriable
from synthmill_schemas.file_export import ExportFormat, ExportState
from synthmill_schemas.job import JobPurpose, JobState

T = TypeVar("T")


class AsyncClient:
    """One server and one key. Refusals are `ApiError`s.

    What may succeed later is tried again, for `patience` seconds at most.
    """

    def __init__(self, url: str, key: str, *, patience: float = 60.0, http: httpx.AsyncClient | None = None) -> None:
        self._http = http or httpx.AsyncClient(timeout=60.0)
        self._url = url.rstrip("/")
        self._auth = {"authorization": f"Bearer {key}"}
        self._patience = patience

    async def close(self) -> None:
        """Gives the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def upload(self, path: Path, *, name: str | None = None) -> Source:
        """A file as a source; the same bytes are the same source. Large ones go on after a break."""
        size, sha256 = path.stat().st_size, await asyncio.to_thread(sha256_of, path)
        if size > PIECE_BYTES:
            return await self._upload_pieces(path, name or path.name, size, sha256)
        return await self._do(calls.upload(name or path.name, sha256), functools.partial(_blocks, path))

    def sources(self) -> AsyncIterator[Source]:
        """All, the newest first."""
        return self._pages(calls.sources)

    async def delete_source(self, source_id: str) -> None:
        """With everything that was made of it."""
        return await self._do(calls.delete_source(source_id))

    async def store_recipe(self, recipe: Mapping[str, Any]) -> StoredRecipe:
        """A new version, or the one that says the same."""
        return await self._do(calls.store_recipe(recipe))

    async def recipe(self, name: str, version: int | None = None) -> StoredRecipe:
        """The last version, or this one."""
        return await self._do(calls.recipe(name, version))

    def recipes(self) -> AsyncIterator[RecipeVersion]:
        """The last version of each."""
        return self._pages(calls.recipes)

    async def create_job(
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
        return await self._do(calls.create_job(order, key))

    async def quote(
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
        quote = await self._do(calls.create_quote(order, slots, key))
        while not quote.rests:
            await asyncio.sleep(POLL_SECONDS)
            quote = await self._do(calls.quote(quote.id))
        return quote

    async def job(self, job_id: str) -> JobProgress:
        """How it stands."""
        return await self._do(calls.job(job_id))

    def jobs(
        self, *, states: Sequence[JobState] = (), dataset: str | None = None, purposes: Sequence[JobPurpose] = ()
    ) -> AsyncIterator[Job]:
        """All, the newest first; the small jobs of quotes only if `purposes` says so."""
        listed = Listed(states, dataset, purposes)
        return self._pages(lambda cursor: calls.jobs(listed, cursor))

    async def cancel(self, job_id: str) -> Job:
        """Calls in flight end, no new ones begin, what is accepted stays."""
        return await self._do(calls.move(job_id, "cancel"))

    async def pause(self, job_id: str) -> Job:
        """As cancelled, but meant to go on."""
        return await self._do(calls.move(job_id, "pause"))

    async def resume(self, job_id: str) -> Job:
        """Only slots without an accepted record are worked on."""
        return await self._do(calls.move(job_id, "resume"))

    async def wait(
        self, job_id: str, on_progress: Callable[[JobProgress], Awaitable[None]] | None = None
    ) -> JobProgress:
        """Returns when the job rests: ended, blocked or paused."""
        async for told in self.follow(job_id):
            if isinstance(told, JobProgress):
                if on_progress is not None:
                    await on_progress(told)
                if told.rests:
                    break
        return await self.job(job_id)

    async def follow(self, job_id: str, after: str | None = None) -> AsyncIterator[Told]:
        """What happens, from the job's beginning or from behind a position, until it ends; each thing once.

        A connection that breaks is made again. A server that is away for longer than the patience is an error.
        """
        listener, patience = Listener(after), Patience(self._patience)
        while True:
            try:
                async for told in self._listen(job_id, listener):
                    patience = Patience(self._patience)
                    yield told
                    if isinstance(told, End):
                        return
            except Retriable:
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                await asyncio.sleep(seconds)

    def records(
        self, job_id: str, text: str | None = None, *, filters: Sequence[str] = (), sort: str | None = None
    ) -> AsyncIterator[RecordItem]:
        """All that match, page by page; also while the job runs."""
        wanted = Wanted(text, filters, sort=sort, limit=1_000)
        return self._pages(lambda cursor: calls.records(job_id, wanted, cursor))

    async def search(self, job_id: str, wanted: Wanted, cursor: str | None = None) -> RecordPage:
        """One page, with facets."""
        return await self._do(calls.records(job_id, wanted, cursor))

    def dataset_records(
        self, dataset: str, wanted: Wanted | None = None, *, version: int | None = None
    ) -> AsyncIterator[RecordItem]:
        """What a version of a dataset shows, the latest by default."""
        return self._pages(lambda cursor: calls.dataset_records(dataset, version, wanted or Wanted(), cursor))

    def rejects(self, job_id: str) -> AsyncIterator[Reject]:
        """Failed attempts, in order."""
        return self._pages(lambda cursor: calls.rejects(job_id, cursor))

    def events(self, job_id: str) -> AsyncIterator[Event]:
        """What happened, in order."""
        return self._pages(lambda cursor: calls.events(job_id, cursor))

    async def export(
        self, job_id: str, path: Path, form: ExportFormat | str = ExportFormat.JSONL, **more: object
    ) -> Export:
        """All records in one file, written by a worker, fetched, and checked. `more`: e.g. compression="gzip"."""
        export = await self._do(calls.order_export(job_id, form, more))
        while export.state in (ExportState.REQUESTED, ExportState.WRITING):
            await asyncio.sleep(POLL_SECONDS)
            export = await self._do(calls.export(job_id, export.id))
        if export.state is not ExportState.DONE:
            raise ExportFailed(f"{export.file_name} is {export.state}: {export.reason or 'ask for it again'}")
        with partial(path) as file:
            await self._fetch(export, file)
            file.check(export.sha256)
        return export

    async def _upload_pieces(self, path: Path, name: str, size: int, sha256: str) -> Source:
        where = await self._do(calls.begin_upload(name, size, sha256))
        stands, patience = calls.Stands(0, None), Patience(self._patience)
        while stands.source is None:
            offset = stands.offset
            try:
                stands = await self._do(
                    calls.piece(where, offset), functools.partial(_blocks, path, offset, PIECE_BYTES)
                )
            except (Retriable, ApiError) as error:
                if isinstance(error, ApiError) and error.status not in ASKED_ANEW:
                    raise
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                await asyncio.sleep(seconds)
                stands = await self._do(calls.upload_stands(where))
            else:
                patience = Patience(self._patience)
        return await self._do(calls.source_at(stands.source))

    async def _fetch(self, export: Export, file: Partial) -> None:
        patience = Patience(self._patience)
        while True:
            path, headers = calls.content(export, file.size)
            try:
                async with self._stream(path, headers) as response:
                    if response.status_code == 200 and file.size:
                        file.begin_anew()
                    async for data in response.aiter_bytes():
                        file.write(data)
            except Retriable:
                if (seconds := patience.after_silence(safe=True)) is None:
                    raise
                await asyncio.sleep(seconds)
            else:
                return

    async def _listen(self, job_id: str, listener: Listener) -> AsyncIterator[Told]:
        listener.reconnected()
        path, headers = calls.stream(job_id, listener.position)
        async with self._stream(path, headers) as response:
            if response.status_code == 204:
                last = await self.job(job_id)
                yield End(job_id=job_id, state=last.state, reason=last.reason)
                return
            async for text in response.aiter_lines():
                if (told := listener.line(text)) is not None:
                    yield told

    def _stream(self, path: str, headers: Mapping[str, str]) -> "_Streamed":
        return _Streamed(
            self._http, self._http.build_request("GET", self._url + path, headers={**self._auth, **headers})
        )

    async def _pages(self, call: Callable[[str | None], Call[Any]]) -> AsyncIterator[Any]:
        cursor = None
        while True:
            page: Page[Any] = await self._do(call(cursor))
            for item in page.items:
                yield item
            cursor = page.cursor
            if cursor is None:
                return

    async def _do(self, call: Call[T], content: Callable[[], AsyncIterator[bytes]] | None = None) -> T:
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
                response = await self._http.send(request)
            except httpx.HTTPError as error:
                if (seconds := patience.after_silence(safe=call.safe)) is None:
                    raise unreachable(request.url, error) from error
            else:
                if response.is_success:
                    return call.read(response)
                if (seconds := patience.after(response)) is None:
                    raise error_of(response)
            await asyncio.sleep(seconds)


async def _blocks(path: Path, offset: int = 0, most: int | None = None) -> AsyncIterator[bytes]:
    """A file's blocks, read beside the loop."""
    blocks = chunks(path, offset, most)
    while block := await asyncio.to_thread(next, blocks, b""):
        yield block


class _Streamed:
    """An answer that is read while it comes; what breaks it is `Unreachable`."""

    def __init__(self, http: httpx.AsyncClient, request: httpx.Request) -> None:
        self._http = http
        self._request = request
        self._response: httpx.Response | None = None

    async def __aenter__(self) -> httpx.Response:
        try:
            self._response = await self._http.send(self._request, stream=True)
        except httpx.HTTPError as error:
            raise unreachable(self._request.url, error) from error
        if self._response.is_error:
            await self._response.aread()
            await self._response.aclose()
            raise error_of(self._response)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._response is not None:
            await self._response.aclose()
        if isinstance(error, httpx.HTTPError):
            raise unreachable(self._request.url, error) from error
