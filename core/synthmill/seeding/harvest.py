"""From the rows of a source to seed and reject documents, a chunk at a time; it neither waits nor stores."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from synthmill.inputs.extract.rows import BadRow, Row, Rows, cut
from synthmill.seeding.contracts import RowContract
from synthmill.seeding.occurrences import Occurrences
from synthmill_schemas.ids import canonical_json, row_hash, seed_id
from synthmill_schemas.job import JobDocument, Source
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.seed import Lineage, SeedDocument
from synthmill_schemas.slot import RejectClass

_CHUNK_BYTES = 8 << 20  # a chunk of few rows, each near the limit, would take half a gigabyte otherwise


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose seeds these are: the job, the source in it, and the set that the source's seeds form."""

    job: JobDocument
    source: Source
    seed_set: str


@dataclass(frozen=True, slots=True)
class Harvest:
    """What one chunk of rows gave: each became a seed or a reject."""

    seeds: list[SeedDocument]
    rejects: list[RejectDocument]


@dataclass(frozen=True, slots=True)
class _Key:
    """What a row is known by, and the same in 32 bytes."""

    text: str
    digest: bytes


@dataclass(slots=True)
class Harvester:
    """Turns rows into documents; seeds are numbered in the order of their rows, so a second pass gives the same.

    `next_ordinal` is the number of the next seed.
    """

    origin: Origin
    contract: RowContract
    occurrences: Occurrences
    chunk_rows: int
    next_ordinal: int = 0

    def pass_over(self, rows: Rows, number: int) -> Iterator[None]:
        """Notes the keys of the first `number` rows, whose seeds an earlier pass stored; one step per chunk."""
        for chunk in chunked(islice(rows, number), self.chunk_rows):
            good = [row for row in chunk if isinstance(row, Row)]
            # a row that breaks a rule lends its key to nobody; without keys equal rows break the same rules
            judged = self.contract.check(good) if self.origin.job.recipe.key else good
            fit = (row for row, verdict in zip(good, judged, strict=True) if isinstance(verdict, Row))
            with self.occurrences.batch():
                self.occurrences.note_all((key.digest, row.number) for row in fit if (key := self._key(row)))
            yield

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
        key = self._unique_key(row)
        if isinstance(key, BadRow):
            return key
        origin, ordinal = self.origin, self.next_ordinal
        self.next_ordinal += 1
        return SeedDocument(
            tenant=origin.job.tenant,
            seed_set=origin.seed_set,
            ordinal=ordinal,
            seed_id=seed_id(origin.job.tenant, origin.source.key, key),
            data=typed.data,
            lineage=self._lineage(row),
        )

    def _unique_key(self, row: Row) -> str | BadRow:
        column, key = self.origin.job.recipe.key, self._key(row)
        if key is None:
            return BadRow(row.number, f"{column} is missing, and it is the key", cut(row.data), row.line)
        seen = self.occurrences.note(key.digest, row.number)
        if column is None:
            return f"{key.text}:{seen.times}"
        if seen.times > 1:
            reason = f"{column}: the key {key.text[:80]!r} is that of row {seen.first_row} already"
            return BadRow(row.number, reason, cut(row.data), row.line)
        return key.text

    def _key(self, row: Row) -> _Key | None:
        """The value of the recipe's key column, or the hash of the content; None: there is no value."""
        column = self.origin.job.recipe.key
        if column is None:
            content = row_hash(row.data)
            return _Key(content, bytes.fromhex(content))
        value = row.data.get(column)
        if value is None or value == "":
            return None
        text = value if isinstance(value, str) else canonical_json(value)
        return _Key(text, hashlib.sha256(text.encode()).digest())

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


def chunked(rows: Iterator[Row | BadRow], most: int) -> Iterator[list[Row | BadRow]]:
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
