"""From the rows of a source to seed and reject documents, a chunk at a time; it neither waits nor stores."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from synthmill_schemas.ids import canonical_json, row_hash, seed_id
from synthmill_schemas.job import JobDocument, Source
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.seed import Lineage, SeedDocument
from synthmill_schemas.slot import RejectClass
from synthmill_worker.contracts import RowContract
from synthmill_worker.extract.rows import BadRow, Row, Rows, cut
from synthmill_worker.occurrences import Occurrences

_CHUNK_BYTES = 8 << 20  # a chunk of few rows, each near the limit, would take half a gigabyte otherwise


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose seeds these are: the job, the source in it, and the set that the source's seeds form."""

    job: JobDocument
    source: Source
    seed_set: str


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one chunk of rows gave."""

    seeds: list[SeedDocument]
    rejects: list[RejectDocument]


@dataclass(slots=True)
class Harvester:
    """Turns rows into documents; seeds are numbered in the order of their rows, so a second pass gives the same."""

    origin: Origin
    contract: RowContract
    occurrences: Occurrences
    chunk_rows: int
    _ordinals: Iterator[int] = field(default_factory=count)

    def run(self, rows: Rows) -> Iterator[Harvest]:
        """One harvest per chunk of rows."""
        for chunk in chunked(rows, self.chunk_rows):
            good = [row for row in chunk if isinstance(row, Row)]
            bad = [row for row in chunk if isinstance(row, BadRow)]
            seeds: list[SeedDocument] = []
            with self.occurrences.batch():
                for row, judged in zip(good, self.contract.check(good), strict=True):
                    outcome = self._seed(row, judged) if isinstance(judged, Row) else judged
                    if isinstance(outcome, BadRow):
                        bad.append(outcome)
                    else:
                        seeds.append(outcome)
            yield Harvest(seeds, [self._reject(row) for row in sorted(bad, key=lambda row: row.number)])

    def _seed(self, row: Row, typed: Row) -> SeedDocument | BadRow:
        """The id comes from the row as read, so that a new contract on a column does not make all seeds new."""
        key = self._key(row)
        if isinstance(key, BadRow):
            return key
        origin = self.origin
        return SeedDocument(
            tenant=origin.job.tenant,
            seed_set=origin.seed_set,
            ordinal=next(self._ordinals),
            seed_id=seed_id(origin.job.tenant, origin.source.key, key),
            data=typed.data,
            lineage=self._lineage(row),
        )

    def _key(self, row: Row) -> str | BadRow:
        column = self.origin.job.recipe.key
        if column is None:
            content = row_hash(row.data)
            return f"{content}:{self.occurrences.note(bytes.fromhex(content), row.number).times}"
        value = row.data.get(column)
        if value is None or value == "":
            return BadRow(row.number, f"{column} is missing, and it is the key", cut(row.data), row.line)
        key = value if isinstance(value, str) else canonical_json(value)
        seen = self.occurrences.note(hashlib.sha256(key.encode()).digest(), row.number)
        if seen.times > 1:
            reason = f"{column}: the key {key[:80]!r} is that of row {seen.first_row} already"
            return BadRow(row.number, reason, cut(row.data), row.line)
        return key

    def _reject(self, row: BadRow) -> RejectDocument:
        job = self.origin.job
        return RejectDocument(
            tenant=job.tenant,
            dataset=job.dataset,
            job_id=job.job_id,
            reject_id=f"{job.job_id}-{self.origin.seed_set}-row-{row.number}",
            round=job.round,
            attempt=0,
            reject_class=RejectClass.INPUT,
            reason=row.reason,
            raw=row.raw,
            lineage=self._lineage(row),
        )

    def _lineage(self, row: Row | BadRow) -> Lineage:
        source = self.origin.source
        if isinstance(row, BadRow) or row.span is None:
            return Lineage(source=source.key, sha256=source.sha256, row=row.number, line=row.line)
        start, end = row.span
        return Lineage(
            source=source.key,
            sha256=source.sha256,
            line=row.line,
            char_start=start,
            char_end=end,
            headings=list(row.headings),
        )


def chunked(rows: Rows, most: int) -> Iterator[list[Row | BadRow]]:
    """Rows in lists of at most `most`, fewer where they are large."""
    chunk: list[Row | BadRow] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row.size if isinstance(row, Row) else len(row.raw)
        if len(chunk) == most or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
