"""Starter recipes: drawn from a file, they compile as they are and fit that file."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from synthmill.cli.header import check_columns
from synthmill.cli.registry import program
from synthmill.recipes import CompiledRecipe, compile_recipe, load_recipe
from synthmill_schemas.recipe import ValueType

CSV = (
    "Product ID,Name,Price,Stock,Sold out,Launched,Post code,question,{{ evil }}\n"
    "7,Kettle,29.90,4,true,2021-01-01,01234,why?,a\n"
    "8,Toaster,35,-1,FALSE,,98765,how?,b\n"
)


def run_init(*arguments: str | Path) -> Result:
    return CliRunner().invoke(program, ["init", *map(str, arguments)], standalone_mode=False)


def starter(tmp_path: Path, name: str, data: str | bytes) -> CompiledRecipe:
    """Writes the file, draws a recipe from it and compiles that; its columns must be those of the file."""
    file, recipe = tmp_path / name, tmp_path / "recipe.yaml"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    result = run_init(file, "--out", recipe)
    assert result.exception is None, result.exception
    compiled = load_recipe(recipe)
    check_columns(compiled, file)
    return compiled


def types(compiled: CompiledRecipe) -> dict[str, ValueType]:
    return {name: contract.type for name, contract in compiled.recipe.input.fields.items()}


def test_a_csv_gives_types_blanks_and_a_key(tmp_path: Path) -> None:
    compiled = starter(tmp_path, "Products 2024.csv", CSV)
    fields = compiled.recipe.input.fields
    assert compiled.recipe.name == "products-2024"
    assert compiled.recipe.key == "Product ID"
    assert types(compiled) == {
        "Product ID": ValueType.INTEGER,
        "Price": ValueType.NUMBER,
        "Stock": ValueType.INTEGER,
        "Sold out": ValueType.BOOLEAN,
        "Launched": ValueType.STRING,
    }
    assert [name for name, contract in fields.items() if not contract.required] == ["Launched"]


def test_a_leading_zero_makes_a_text_and_not_a_number(tmp_path: Path) -> None:
    assert "Post code" not in types(starter(tmp_path, "p.csv", CSV))


def test_columns_of_the_file_keep_out_of_the_way_of_the_recipes_own(tmp_path: Path) -> None:
    sources = starter(tmp_path, "p.csv", CSV).source_fields
    assert sources["question_2"] == "question"


def test_names_from_the_file_open_no_tag_in_the_prompt(tmp_path: Path) -> None:
    prompt = starter(tmp_path, "p.csv", CSV).generated[0].prompt  # type: ignore[union-attr]
    assert "(( evil )): {{ evil }}" in prompt


def test_the_record_is_the_row_with_a_question_and_its_answer(tmp_path: Path) -> None:
    assert starter(tmp_path, "p.csv", CSV).output[-3:] == ("asked_by", "question", "answer")


def test_json_types_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = [{"sku": "a1", "n": 1, "x": 1.5, "ok": True, "tags": ["a"]}, {"sku": "a2", "n": 2, "x": 2, "ok": False}]
    compiled = starter(tmp_path, "rows.json", json.dumps(rows))
    assert compiled.recipe.key == "sku"
    assert types(compiled) == {
        "n": ValueType.INTEGER,
        "x": ValueType.NUMBER,
        "ok": ValueType.BOOLEAN,
        "tags": ValueType.JSON,
    }
    assert not compiled.recipe.input.fields["tags"].required


def test_parquet_columns_are_found(tmp_path: Path) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"city": ["Ulm", "Bonn"], "people": [126_000, 330_000]}), sink)
    compiled = starter(tmp_path, "cities.parquet", sink.getvalue().to_pybytes())
    assert types(compiled) == {"people": ValueType.INTEGER}


def test_a_repeated_value_is_no_key(tmp_path: Path) -> None:
    assert starter(tmp_path, "p.csv", "id,name\n1,a\n1,b\n").recipe.key is None


def test_markdown_gives_questions_about_passages(tmp_path: Path) -> None:
    compiled = starter(tmp_path, "manual.md", "# Boiler\n\nOpen the valve first. Then press the red button.\n")
    assert compiled.source_fields == {"passage": "text", "headings": "headings"}
    assert compiled.output[-3:] == ("question", "answer", "quote")


@pytest.mark.parametrize("name", ["1.csv", "-.csv", "Ünïcödé.csv", "a" * 120 + ".csv"])
def test_any_file_name_gives_a_dataset_name(tmp_path: Path, name: str) -> None:
    assert starter(tmp_path, name, "a,b\n1,2\n").recipe.name


@pytest.mark.parametrize(
    "header", ["true,null", "yes: no,# x", "for,range", '"a""b",c\\d', "9,_", "é,ü", "a" * 90 + "," + "a" * 91, "A,a"]
)
def test_any_header_gives_a_recipe_that_compiles(tmp_path: Path, header: str) -> None:
    starter(tmp_path, "odd.csv", f"{header}\n1,x\n2,y\n")


def test_a_wide_table_uses_the_first_columns_and_names_the_others(tmp_path: Path) -> None:
    header = ",".join(f"c{number}" for number in range(20))
    compiled = starter(tmp_path, "wide.csv", f"{header}\n{','.join('x' * 20)}\n")
    assert list(compiled.source_fields) == [f"c{number}" for number in range(12)]
    assert "left out: c12, c13" in (tmp_path / "recipe.yaml").read_text()


def test_a_recipe_that_is_there_is_not_replaced_without_being_told_to(tmp_path: Path) -> None:
    file, recipe = tmp_path / "a.csv", tmp_path / "recipe.yaml"
    file.write_text("a\n1\n")
    recipe.write_text("mine")
    refused = run_init(file, "--out", recipe)
    assert "--force" in str(refused.exception)
    assert recipe.read_text() == "mine"
    assert run_init(file, "--out", recipe, "--force").exception is None
    assert recipe.read_text() != "mine"


def test_a_dash_prints_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    import yaml

    assert compile_recipe(yaml.safe_load(run_init(file, "--out", "-").stdout)).recipe.name == "a"


def test_a_file_that_is_no_data_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "photo.csv"
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    refused = run_init(file, "--out", tmp_path / "recipe.yaml")
    assert "photo.csv: a PNG image" in str(refused.exception)
