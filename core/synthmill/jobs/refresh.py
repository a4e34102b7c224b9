"""A refresh: records of new and changed seeds only, so that a recurring run pays for nothing else (decision 0016).

All seeds of the sources are stored as for any job. Those that are new or changed against the dataset's last version
are stored once more as a set of their own, and slots are planned over that set alone.
"""

import asyncio
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from synthmill.errors import InputUnusable, StoreUnavailable, UserError
from synthmill.jobs.documents import Changes, change_job
from synthmill.jobs.events import say
from synthmill.jobs.release.documents import find_dataset
from synthmill.jobs.release.marking import batches
from synthmill.jobs.release.versions import shown_in
from synthmill.jobs.revise import recipe_of
from synthmill.jobs.seed_index import SeedIndex
from synthmill.jobs.unit import Unit
from synthmill.planning.samplers import SampleFailed
from synthmill.planning.tuples import source_value
from synthmill.ports.records import Collection, Document, Place, Write, WriteStatus
from synthmill.recipes.compile import recompile
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.services import Services
from synthmill_schemas.ids import canonical_json, seed_document_id
from synthmill_schemas.job import RUNNING_STATES, JobDocument, JobState, Refresh, RefreshCheckpoint
from synthmill_schemas.recipe import FieldContract

_SEED_BITS = 53


def require_refreshable(compiled: CompiledRecipe) -> None:
    """Refuses what cannot be made seed by seed."""
    recipe = compiled.recipe
    if not compiled.needs_input:
        raise InputUnusable(f"recipe {recipe.name} reads no input: there are no seeds that could be new; generate it")
    if recipe.target.records is not None:
        raise UserError(
            f"recipe {recipe.name} says target.records, which counts a whole dataset: a refresh makes "
            "seeds.records_per_seed records of each new seed; leave target.records out"
        )


def seed_sets(job: JobDocument) -> list[tuple[str, int]]:
    """The sets whose seeds the job's slots are made from, with their sizes."""
    chosen = job.refresh
    if chosen is not None and chosen.seed_set is not None:
        return [(chosen.seed_set, chosen.seeds or 0)]
    return [(source.seed_set, source.seeds) for source in job.sources if source.seed_set and source.seeds]


def compiled_for(job: JobDocument) -> CompiledRecipe:
    """The recipe of the job's round, with the seed that it draws from: a refresh must not draw again what is there."""
    compiled = recompile(recipe_of(job))
    if job.refresh is None or not job.refresh.base:
        return compiled
    digest = hashlib.sha256(f"{job.recipe.seed}\nrefresh\n{job.refresh.base}".encode()).digest()
    seed = int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)
    return dataclasses.replace(compiled, recipe=compiled.recipe.model_copy(update={"seed": seed}))


def nothing_to_make(job: JobDocument) -> bool:
    """Whether a refresh has compared all seeds and found none to pay for."""
    return job.refresh is not None and job.refresh.seeds == 0


async def choose_seeds(services: Services, job: JobDocument, unit: Unit) -> JobDocument:
    """The job with its refresh filled in; the seeds of all its sources are stored. Any other job is left as it is.

    Compares every seed with the record that the last version shows for it. Done again after a crash it goes on behind
    its last note, unless there is a later version by then: with that it compares anew, and writes over what it wrote.
    Raises `UnitOver` when the unit is over and what was compared is noted.
    """
    if job.refresh is None or job.refresh.seeds is not None:
        return job
    found = await find_dataset(services.store, job.tenant, job.dataset)
    base = 0 if found is None else found.document.latest or 0
    refresh = Refresh(base=0, seeds=sum(source.seeds or 0 for source in job.sources))
    if base:
        with closing(SeedIndex()) as index:
            refresh = await _Choice(services, job, base, recompile(job.recipe), index, unit).made()
    chosen = await _note(services, job, refresh)
    await _say(services, chosen)
    return chosen


async def _note(services: Services, job: JobDocument, refresh: Refresh) -> JobDocument:
    """What was found, or how far it was looked for; what is chosen stays chosen."""

    def decide(current: JobDocument) -> Changes | None:
        return None if current.refresh is None or current.refresh.seeds is not None else {"refresh": refresh}

    return (await change_job(services.store, job.tenant, job.job_id, decide)).document


async def close_unchanged(services: Services, job: JobDocument) -> None:
    """Completes a refresh that has nothing to make."""
    refresh = job.refresh or Refresh()
    reason = f"nothing new since version {refresh.base}: {refresh.unchanged} seeds are as they were"

    def decide(current: JobDocument) -> Changes | None:
        running = current.round == job.round and current.state in RUNNING_STATES
        return {"state": JobState.COMPLETED, "reason": reason} if running else None

    await change_job(services.store, job.tenant, job.job_id, decide)
    await say(
        services.store,
        "worker",
        f"job.{JobState.COMPLETED}",
        f"job {job.job_id} is {JobState.COMPLETED}: {reason}",
        tenant=job.tenant,
        job_id=job.job_id,
        event_id=f"{job.job_id}-{job.round}-{JobState.COMPLETED}",
    )


@dataclass(slots=True)
class _Choice:
    """The comparison with one version; `index` holds what its records were made from, by seed id."""

    services: Services
    job: JobDocument
    base: int
    compiled: CompiledRecipe
    index: SeedIndex
    unit: Unit
    caught_up: bool = False  # with what earlier units compared

    async def made(self) -> Refresh:
        """What was found; the chosen seeds are stored."""
        await self._learn()
        inputs = Place(self.job.tenant, Collection.INPUTS)
        await self.services.store.visible(inputs)
        done, position = self._noted(), 0
        for source in self.job.sources:
            async for seeds in batches(self.services.store, inputs, {"seed_set": source.seed_set or ""}, "ordinal"):
                await asyncio.to_thread(self.index.see, [seed["seed_id"] for seed in seeds])
                fresh = seeds[max(0, done.compared - position) :]
                position += len(seeds)
                if fresh:
                    done = await self._compare(inputs, done, fresh)
        vanished, unchanged = await asyncio.to_thread(self.index.unseen), done.compared - done.chosen
        return Refresh(base=self.base, seed_set=self._set, seeds=done.chosen, unchanged=unchanged, vanished=vanished)

    @property
    def _set(self) -> str:
        return hashlib.sha256(f"{self.job.tenant}\n{self.job.job_id}\nrefresh".encode()).hexdigest()[:32]

    def _noted(self) -> RefreshCheckpoint:
        noted = self.job.refresh.checkpoint if self.job.refresh else None
        if noted is not None and noted.base == self.base:
            return noted
        return RefreshCheckpoint(base=self.base, compared=0, chosen=0)

    async def _compare(self, inputs: Place, done: RefreshCheckpoint, seeds: Sequence[Document]) -> RefreshCheckpoint:
        """How far it is with these; noted when the unit is over."""
        if not self.caught_up:
            self.unit.caught_up()
            self.caught_up = True
        new = await asyncio.to_thread(self._new, seeds)
        await self._store(inputs, self._set, done.chosen, new)
        done = RefreshCheckpoint(base=self.base, compared=done.compared + len(seeds), chosen=done.chosen + len(new))
        if self.unit.over:
            await _note(self.services, self.job, Refresh(base=self.base, checkpoint=done))
            self.unit.end_if_over()
        return done

    async def _learn(self) -> None:
        records = Place(self.job.tenant, Collection.RECORDS, self.job.dataset)
        await self.services.store.visible(records)
        async for batch in batches(self.services.store, records, shown_in(self.base)):
            read = {d["seed_id"]: _digest(self._of_record(d)) for d in batch if d.get("seed_id") is not None}
            await asyncio.to_thread(self.index.add, read)

    def _new(self, seeds: Sequence[Document]) -> list[Document]:
        known = self.index.contents([seed["seed_id"] for seed in seeds])
        return [seed for seed in seeds if known.get(seed["seed_id"]) != _digest(self._of_seed(seed["data"]))]

    def _of_record(self, record: Document) -> object:
        """What was read of the seed that the record was made from."""
        attributes = record.get("attributes") or {}
        return {name: attributes.get(name) for name in self.compiled.source_fields}

    def _of_seed(self, data: Mapping[str, object]) -> object:
        """What would be read of this seed; None when a slot of it could only be parked."""
        fields = self.compiled.recipe.input.fields
        try:
            return {
                name: source_value(data, field_, fields.get(field_, FieldContract()))  # type: ignore[arg-type]
                for name, field_ in self.compiled.source_fields.items()
            }
        except SampleFailed:
            return None

    async def _store(self, inputs: Place, set_: str, first: int, seeds: Sequence[Document]) -> None:
        writes = [
            Write(inputs, seed_document_id(set_, ordinal), {**seed, "seed_set": set_, "ordinal": ordinal})
            for ordinal, seed in enumerate(seeds, first)
        ]
        for result in await self.services.store.bulk(writes) if writes else []:
            if result.status is WriteStatus.REFUSED:
                raise StoreUnavailable(f"the chosen seed {result.id} was refused: {result.reason}")


def _digest(read: object) -> str:
    return hashlib.sha256(canonical_json(read).encode()).hexdigest()[:32]


async def _say(services: Services, job: JobDocument) -> None:
    refresh = job.refresh or Refresh()
    counts = {"new": refresh.seeds, "unchanged": refresh.unchanged, "vanished": refresh.vanished}
    text = f"{refresh.seeds} seeds are new or changed, {refresh.unchanged} unchanged, {refresh.vanished} vanished"
    await say(
        services.store,
        "worker",
        "refresh.chosen",
        f"job {job.job_id}: against version {refresh.base} of {job.dataset} {text}",
        tenant=job.tenant,
        job_id=job.job_id,
        fields={"base": refresh.base, **counts},
        event_id=f"{job.job_id}-refresh",
    )
