"""A run names recipe and inputs as the API stores them, or by a path of its machine."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from synthmill.catalog.recipes import RecipeDocument, recipe_id, recipes_of
from synthmill.catalog.sources import SourceDocument, source_id, sources_of
from synthmill.embedded import EmbeddedServices
from synthmill.errors import InputUnusable, ObjectMissing, UserError
from synthmill.inputs.detect import SourceKind
from synthmill.jobs.order import InputFile
from synthmill.ports.records import Write
from synthmill_flows.identity import Run
from synthmill_flows.ordering import named_recipe, order_of
from synthmill_flows.parameters import GenerateParameters
from tests.support.jobs import TENANT, recipe

RUN = Run("run-1", TENANT, "job-2")
ROWS = b"a\n1\n"


async def store_recipe(services: EmbeddedServices, version: int, **changes: object) -> None:
    compiled = recipe(**changes)
    document = RecipeDocument(
        tenant=TENANT,
        name="colours",
        recipe_version=version,
        recipe_hash=compiled.recipe_hash,
        recipe=compiled.recipe,
    )
    write = Write(recipes_of(TENANT), recipe_id("colours", version), document.model_dump(mode="json"))
    await services.store.bulk([write])


async def store_source(services: EmbeddedServices, *, with_file: bool = True) -> SourceDocument:
    async def rows() -> AsyncIterator[bytes]:
        yield ROWS

    key, sha256 = "tmp/sources/one/data", hashlib.sha256(ROWS).hexdigest()
    if with_file:
        await services.objects.put(key, rows())
    document = SourceDocument(
        tenant=TENANT,
        source_id=source_id(TENANT, sha256),
        name="rows.csv",
        kind=SourceKind.CSV,
        sha256=sha256,
        size=len(ROWS),
        object_key=key,
    )
    await services.store.bulk([Write(sources_of(TENANT), document.source_id, document.model_dump(mode="json"))])
    return document


async def content(file: InputFile) -> bytes:
    return b"".join([chunk async for chunk in file.read()])


async def test_a_stored_recipe_is_the_last_version_or_the_one_that_is_named(services: EmbeddedServices) -> None:
    await store_recipe(services, 1, seed=11)
    await store_recipe(services, 2, seed=22)
    assert (await named_recipe(services, TENANT, "colours")).recipe.seed == 22
    assert (await named_recipe(services, TENANT, "colours@1")).recipe.seed == 11
    assert (await named_recipe(services, TENANT, "colours@1", 7)).recipe.target.records == 7


@pytest.mark.parametrize("name", ["colours@3", "colours@last", "shapes"])
async def test_a_recipe_that_is_not_stored_is_told(services: EmbeddedServices, name: str) -> None:
    await store_recipe(services, 1)
    with pytest.raises(UserError, match=name):
        await named_recipe(services, TENANT, name)


async def test_a_path_is_read_from_the_machine_of_the_run(services: EmbeddedServices, tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(recipe(seed=5).recipe.model_dump_json(by_alias=True, exclude_none=True))
    assert (await named_recipe(services, TENANT, str(file))).recipe.seed == 5


async def test_sources_are_found_by_id_and_by_name_and_files_by_their_path(
    services: EmbeddedServices, tmp_path: Path
) -> None:
    await store_recipe(services, 1)
    source = await store_source(services)
    file = tmp_path / "more.csv"
    file.write_bytes(b"a\n2\n")
    wanted = GenerateParameters(recipe="colours", inputs=[source.source_id, "rows.csv", str(file)])
    order = await order_of(services, RUN, wanted)
    assert [given.name for given in order.inputs] == ["rows.csv", "rows.csv", "more.csv"]
    assert [await content(given) for given in order.inputs] == [ROWS, ROWS, b"a\n2\n"]
    assert (order.job_id, order.flow_run_id) == ("job-2", "run-1")


async def test_an_input_that_is_nowhere_is_told(services: EmbeddedServices) -> None:
    await store_recipe(services, 1)
    with pytest.raises(InputUnusable, match="there is no source 'gone"):
        await order_of(services, RUN, GenerateParameters(recipe="colours", inputs=["gone.csv"]))


async def test_a_source_whose_file_was_deleted_is_told_when_it_is_read(services: EmbeddedServices) -> None:
    await store_recipe(services, 1)
    await store_source(services, with_file=False)
    order = await order_of(services, RUN, GenerateParameters(recipe="colours", inputs=["rows.csv"]))
    with pytest.raises(ObjectMissing, match="deleted after its retention"):
        await content(order.inputs[0])


async def test_a_run_that_names_neither_recipe_nor_job_is_told(services: EmbeddedServices) -> None:
    with pytest.raises(UserError, match="no recipe to make it from"):
        await order_of(services, RUN, GenerateParameters())


async def test_a_recipe_that_reads_rows_needs_an_input(services: EmbeddedServices) -> None:
    columns = [{"name": "sku", "kind": "source"}, {"name": "poem", "kind": "llm", "prompt": "About {{ sku }}."}]
    await store_recipe(services, 1, columns=columns)
    with pytest.raises(InputUnusable, match="reads sku from an input"):
        await order_of(services, RUN, GenerateParameters(recipe="colours"))
