"""Stores the seeds of a job's sources: verifies each file, reads it a chunk at a time, stores each chunk.

Every document has an id that follows from file and recipe alone. So a second pass, after a crash or by a second
delivery, may write the same documents again, and a source counts as done only when its entry in the job says so. How
far a source came is noted there too: a later unit goes over those rows without storing them, only to know their keys.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

from synthmill.errors import ChecksumMismatch, InputUnusable, UserError
from synthmill.inputs.extract.extract import Extraction, extract
from synthmill.inputs.extract.rows import Limits, Row, Rows
from synthmill.inputs.extract.survey import Survey, Surveyor
from synthmill.jobs.documents import Changes, change_job, get_job
from synthmill.jobs.events import Service, say
from synthmill.jobs.plan import RoundOver
from synthmill.jobs.unit import Unit
from synthmill.ports.records import Collection, Place, Write, WriteStatus
from synthmill.recipes import CompiledRecipe
from synthmill.seeding.contracts import require_columns
from synthmill.seeding.demands import Demands
from synthmill.seeding.harvest import Harvest, Harvester, Origin, chunked
from synthmill.seeding.occurrences import Occurrences
from synthmill.seeding.threads import to_the_end
from synthmill.services import Services
from synthmill_schemas.ids import seed_document_id
from synthmill_schemas.job import RUNNING_STATES, JobDocument, SeedCheckpoint, Source

_PROGRESS_SECONDS = 2.0
_REASON_CHARACTERS = 1_000
_END = object()
_COLUMNS_KEPT = 1_000


@dataclass(slots=True)
class _Tally:
    """What a source gave so far."""

    seeds: int = 0
    bad_rows: int = 0
    first_reason: str = ""

    @classmethod
    def noted(cls, source: Source, seed_set: str) -> "_Tally":
        """What earlier units noted."""
        noted = source.checkpoint
        if noted is None or noted.seed_set != seed_set:
            return cls()
        return cls(noted.seeds, noted.bad_rows, noted.first_reason)

    @property
    def rows(self) -> int:
        return self.seeds + self.bad_rows

    def add(self, harvest: Harvest) -> None:
        self.seeds += len(harvest.seeds)
        self.bad_rows += len(harvest.rejects)
        if harvest.rejects and not self.first_reason:
            self.first_reason = harvest.rejects[0].reason


OnStored = Callable[[int, int], None]
"""Told of every chunk: how many seeds and how many rejects of it were stored."""


async def store_seeds(
    services: Services, job: JobDocument, compiled: CompiledRecipe, unit: Unit, *, by: Service, on_stored: OnStored
) -> JobDocument:
    """Stores the seeds of every source that has none yet; answers the job with all of them noted.

    Raises `InputUnusable` or `ChecksumMismatch` for a file that cannot serve, `RoundOver` when the job was stopped, and
    `UnitOver` when the unit's time is up before all is stored.
    """
    worker = services.settings.worker
    demands = Demands(compiled, Limits(worker.max_row_bytes, worker.chunk_rows))
    for source in job.sources:
        if source.seed_set is None:
            origin = Origin(job, source, demands.seed_set(job.tenant, source))
            job = await _Seeding(services, origin, demands, unit, by, on_stored).run()
    return job


@dataclass(frozen=True, slots=True)
class _Seeding:
    """The seeding of one source."""

    services: Services
    origin: Origin
    demands: Demands
    unit: Unit
    by: Service
    on_stored: OnStored

    async def run(self) -> JobDocument:
        """Stores all seeds and rejects of the source, then notes it in the job."""
        source, began = self.origin.source, time.monotonic()
        try:
            async with self.services.objects.open(source.object_key) as file:
                survey = await _verified(file, source)
                extraction = await to_the_end(lambda: self._extract(file, survey))
                await self._require_columns(file, survey, extraction)
                tally = await self._store_all(file, extraction)
        except InputUnusable as error:
            raise InputUnusable(f"{source.key}: {error}") from error
        await self._say_stored(tally, time.monotonic() - began)
        return await self._note(tally)

    def _extract(self, file: BinaryIO, survey: Survey) -> Extraction:
        chunking = self.demands.compiled.recipe.input.chunking
        return extract(file, self.origin.source.key, survey, self.demands.limits, chunking)

    async def _require_columns(self, file: BinaryIO, survey: Survey, extraction: Extraction) -> None:
        """Where each row may have other columns, reads ahead until every needed one was seen; mostly one chunk."""
        needed, available = self.demands.columns, extraction.columns
        if available is None:
            ahead = await to_the_end(lambda: self._extract(file, survey))
            available = tuple(await _columns_until(ahead, set(needed)))
        if available:
            require_columns(needed, available)

    async def _store_all(self, file: BinaryIO, extraction: Extraction) -> _Tally:
        tally, told = _Tally.noted(self.origin.source, self.origin.seed_set), time.monotonic()
        with closing(Occurrences()) as occurrences, closing(extraction.rows) as rows:
            contract = self.demands.contract(extraction.kind)
            harvester = Harvester(self.origin, contract, occurrences, self.demands.limits.batch_rows, tally.seeds)
            await self._pass_over(harvester, rows, tally)
            writes = _with_writes(harvester.run(rows))
            while (chunk := await to_the_end(lambda: next(writes, None))) is not None:
                tally.add(chunk[0])
                await self._store(chunk[1])
                self.on_stored(len(chunk[0].seeds), len(chunk[0].rejects))
                if self.unit.over or time.monotonic() - told > _PROGRESS_SECONDS:
                    await self._note_progress(tally, file.tell())
                    told = time.monotonic()
                    self.unit.end_if_over()
        if tally.seeds == 0:
            raise InputUnusable(f"none of its {tally.bad_rows} rows can be used; the first one: {tally.first_reason}")
        return tally

    async def _pass_over(self, harvester: Harvester, rows: Rows, tally: _Tally) -> None:
        """Comes to where the unit before ended."""
        steps, looked = harvester.pass_over(rows, tally.rows), time.monotonic()
        while await to_the_end(lambda: next(steps, _END)) is not _END:
            if time.monotonic() - looked > _PROGRESS_SECONDS:
                job = self.origin.job
                self._require_running((await get_job(self.services.store, job.tenant, job.job_id)).document)
                looked = time.monotonic()
        if tally.rows:
            self.unit.caught_up()

    async def _store(self, writes: list[Write]) -> None:
        for result in await self.services.store.bulk(writes):
            if result.status is WriteStatus.REFUSED:
                raise UserError(f"{self.origin.source.key}: the store refused {result.id}: {result.reason}")

    def _require_running(self, now: JobDocument) -> None:
        """Stops if nobody wants the rest."""
        if now.round != self.origin.job.round or now.state not in RUNNING_STATES:
            raise RoundOver(f"job {now.job_id} is {now.state} in round {now.round}")

    async def _note_progress(self, tally: _Tally, position: int) -> None:
        """Notes how far we are for whoever goes on, and says it."""
        job, source = self.origin.job, self.origin.source
        noted = SeedCheckpoint(
            seed_set=self.origin.seed_set,
            seeds=tally.seeds,
            bad_rows=tally.bad_rows,
            first_reason=tally.first_reason[:_REASON_CHARACTERS],
        )
        await self._change_source({"checkpoint": noted})
        text = f"job {job.job_id}: {source.key}: {tally.seeds} seeds stored, {position} of {source.size} bytes read"
        fields = {"seeds": tally.seeds, "bad_rows": tally.bad_rows, "position_bytes": position, "bytes": source.size}
        await say(
            self.services.store,
            self.by,
            "source.progress",
            text,
            tenant=job.tenant,
            job_id=job.job_id,
            fields={"source": source.key, **fields},
        )

    async def _say_stored(self, tally: _Tally, seconds: float) -> None:
        job, source = self.origin.job, self.origin.source
        text = f"job {job.job_id}: {source.key}: {tally.seeds} seeds stored, {tally.bad_rows} rows left out"
        fields = {"seeds": tally.seeds, "bad_rows": tally.bad_rows, "bytes": source.size, "seconds": round(seconds, 3)}
        await say(
            self.services.store,
            self.by,
            "source.stored",
            text,
            tenant=job.tenant,
            job_id=job.job_id,
            fields={"source": source.key, **fields},
            event_id=f"{job.job_id}-{self.origin.seed_set}-stored",
        )

    async def _note(self, tally: _Tally) -> JobDocument:
        done = {
            "seed_set": self.origin.seed_set,
            "seeds": tally.seeds,
            "bad_rows": tally.bad_rows,
            "checkpoint": None,
        }
        return await self._change_source(done, stopped_too=True)

    async def _change_source(self, changes: Changes, *, stopped_too: bool = False) -> JobDocument:
        """Changes the source's entry in the job, unless another planner has finished it."""
        job, key = self.origin.job, self.origin.source.object_key

        def changed(source: Source) -> Source:
            mine = source.object_key == key and source.seed_set is None
            return source.model_copy(update=dict(changes)) if mine else source

        def decide(current: JobDocument) -> Changes:
            if not stopped_too:
                self._require_running(current)
            return {"sources": [changed(source) for source in current.sources]}

        return (await change_job(self.services.store, job.tenant, job.job_id, decide)).document


async def _verified(file: BinaryIO, source: Source) -> Survey:
    """Reads the whole file once, before anything of it is used."""
    surveyor = Surveyor(file)
    while (survey := await to_the_end(surveyor.step)) is None:
        pass
    if (survey.size, survey.sha256) != (source.size, source.sha256):
        raise ChecksumMismatch(
            f"{source.key}: the stored file is not the one that was uploaded ({survey.size} bytes, sha256 "
            f"{survey.sha256}; announced {source.size}, {source.sha256}): upload it again in a new job"
        )
    return survey


async def _columns_until(extraction: Extraction, wanted: set[str]) -> dict[str, None]:
    """The columns of the first rows, up to the row with which all of `wanted` have been seen."""
    seen: dict[str, None] = {}
    with closing(extraction.rows) as rows:
        chunks = chunked(rows, _COLUMNS_KEPT)
        while not wanted <= seen.keys() and (chunk := await to_the_end(lambda: next(chunks, None))) is not None:
            for row in chunk:
                if isinstance(row, Row):
                    names = row.data if len(seen) < _COLUMNS_KEPT else wanted & row.data.keys()
                    seen.update(dict.fromkeys(names))
    return seen


def _with_writes(harvests: Iterator[Harvest]) -> Generator[tuple[Harvest, list[Write]], None, None]:
    """Each harvest and its documents as they are stored; turning them into plain data is half of the work."""
    for harvest in harvests:
        seeds = [
            Write(
                Place(seed.tenant, Collection.INPUTS),
                seed_document_id(seed.seed_set, seed.ordinal),
                seed.model_dump(mode="json"),
            )
            for seed in harvest.seeds
        ]
        rejects = [
            Write(Place(reject.tenant, Collection.REJECTS), reject.reject_id, reject.model_dump(mode="json"))
            for reject in harvest.rejects
        ]
        yield harvest, seeds + rejects
