"""Seeds have ids that last: by key, or by content and occurrence."""

from collections.abc import Generator, Iterable
from contextlib import closing

import pytest

from synthmill.inputs.extract.rows import BadRow, Row
from synthmill.seeding.contracts import RowContract
from synthmill.seeding.harvest import Harvest, Harvester, Origin, chunked
from synthmill.seeding.occurrences import Occurrences
from synthmill_schemas.job import JobDocument, Source
from synthmill_schemas.recipe import Recipe

HASH = "0" * 64


def job(**recipe: object) -> JobDocument:
    """A job on one source."""
    columns = [{"name": "title", "kind": "source"}]
    made = Recipe.model_validate({"version": 1, "name": "products", "columns": columns, **recipe})
    return JobDocument(job_id="job-1", dataset="products", recipe=made, recipe_hash=HASH)


def stream(rows: Iterable[Row | BadRow]) -> Generator[Row | BadRow, None, None]:
    """What a reader gives."""
    yield from rows


def harvest(rows: Iterable[Row | BadRow], **recipe: object) -> list[Harvest]:
    """What the rows give."""
    source = Source(key="products.csv", object_key="k", sha256=HASH, size=1)
    with closing(Occurrences()) as occurrences:
        harvester = Harvester(Origin(job(**recipe), source, "set"), RowContract({}), occurrences, 2)
        return list(harvester.run(stream(rows)))


def numbered(*data: dict[str, object]) -> list[Row]:
    """Rows below a header."""
    return [Row(number, values, 1, number + 1) for number, values in enumerate(data, start=1)]


def continued(rows: Iterable[Row | BadRow], done: int, **recipe: object) -> list[Harvest]:
    """What they give to a later unit, when the first `done` rows were harvested before."""
    rows = list(rows)
    seeds = sum(len(part.seeds) for part in harvest(rows[:done], **recipe))
    source = Source(key="products.csv", object_key="k", sha256=HASH, size=1)
    with closing(Occurrences()) as occurrences:
        harvester = Harvester(Origin(job(**recipe), source, "set"), RowContract({}), occurrences, 2, seeds)
        all_rows = stream(rows)
        for _ in harvester.pass_over(all_rows, done):
            pass
        return list(harvester.run(all_rows))


def seed_ids(rows: list[Row], **recipe: object) -> list[str]:
    """The ids of all seeds in order."""
    return [seed.seed_id for part in harvest(rows, **recipe) for seed in part.seeds]


def test_equal_rows_get_different_ids_and_the_same_ones_each_time() -> None:
    rows = numbered({"a": 1}, {"a": 1}, {"a": 2}, {"a": 1})
    ids = seed_ids(rows)
    assert len(set(ids)) == 4
    assert seed_ids(rows) == ids


def test_an_id_by_content_does_not_depend_on_the_place_in_the_file() -> None:
    assert seed_ids(numbered({"a": 1}, {"b": 2})) == seed_ids(numbered({"b": 2}, {"a": 1}))[::-1]


def test_an_id_by_key_lasts_when_the_rest_of_the_row_changes() -> None:
    before, after = numbered({"sku": "x", "price": 1}), numbered({"sku": "x", "price": 2})
    assert seed_ids(before, key="sku") == seed_ids(after, key="sku")
    assert seed_ids(before) != seed_ids(after)


def test_a_repeated_or_missing_key_is_a_bad_row_that_names_the_first() -> None:
    rows = numbered({"sku": "x"}, {"sku": "y"}, {"sku": "x"}, {"sku": ""}, {"other": 1}, {"sku": 5}, {"sku": "5"})
    rejects = [reject for part in harvest(rows, key="sku") for reject in part.rejects]
    assert [(reject.reject_id, reject.reason) for reject in rejects] == [
        ("job-1-set-row-3", "sku: the key 'x' is that of row 1 already"),
        ("job-1-set-row-4", "sku is missing, and it is the key"),
        ("job-1-set-row-5", "sku is missing, and it is the key"),
        ("job-1-set-row-7", "sku: the key '5' is that of row 6 already"),
    ]


def test_ordinals_count_good_rows_without_gaps_and_rejects_tell_where() -> None:
    first, *others = numbered({"a": 1}, {"a": 2}, {"a": 3})
    parts = harvest([first, BadRow(2, "ragged", "x,y", 3), *others])
    assert [seed.ordinal for part in parts for seed in part.seeds] == [0, 1, 2]
    (reject,) = [reject for part in parts for reject in part.rejects]
    assert (reject.reject_class, reject.reason, reject.raw, reject.slot) == ("input", "ragged", "x,y", None)
    assert reject.lineage is not None
    assert (reject.lineage.source, reject.lineage.row, reject.lineage.line) == ("products.csv", 2, 3)


def test_a_chunk_of_text_has_its_place_in_characters() -> None:
    row = Row(4, {"text": "abc", "headings": ["A"]}, 3, 7, (10, 13), ("A",))
    (part,) = harvest([row])
    lineage = part.seeds[0].lineage
    assert (lineage.row, lineage.line, lineage.char_start, lineage.char_end) == (None, 7, 10, 13)
    assert lineage.headings == ["A"]


def test_large_rows_come_few_at_a_time() -> None:
    rows = [Row(number, {}, 3 << 20) for number in range(7)]
    assert [len(chunk) for chunk in chunked(stream(rows), 500)] == [3, 3, 1]
    assert [len(chunk) for chunk in chunked(stream([Row(n, {}, 1) for n in range(7)]), 3)] == [3, 3, 1]


def test_occurrences_are_counted_over_more_keys_than_its_cache_holds() -> None:
    with closing(Occurrences()) as occurrences:
        for turn in (1, 2):
            with occurrences.batch():
                for number in range(100_000):
                    seen = occurrences.note(number.to_bytes(32, "big"), number)
                    assert (seen.times, seen.first_row) == (turn, number)


@pytest.mark.parametrize("done", range(9))
@pytest.mark.parametrize("key", [None, "sku"])
def test_a_unit_that_goes_on_gives_what_one_pass_gives(key: str | None, done: int) -> None:
    good = numbered({"sku": "x"}, {"sku": "y"}, {"sku": "x"}, {"sku": ""}, {"sku": "x"}, {"sku": "z"}, {"sku": "y"})
    rows = [*good[:4], BadRow(8, "ragged", "x,y", 9), *good[4:]]
    whole = harvest(rows, key=key)
    parts = [*harvest(rows[:done], key=key), *continued(rows, done, key=key)]

    def told(parts: list[Harvest]) -> tuple[list[tuple[int, str]], list[tuple[str, str]]]:
        seeds = [(seed.ordinal, seed.seed_id) for part in parts for seed in part.seeds]
        return seeds, sorted((reject.reject_id, reject.reason) for part in parts for reject in part.rejects)

    assert told(parts) == told(whole)
