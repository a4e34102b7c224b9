"""Recipe files: YAML by the 1.2 rules, JSON, and texts that must not harm us."""

from pathlib import Path

import pytest

from synthmill.recipes import Fault, RecipeInvalid, load_recipe
from synthmill.recipes.reading import read_json, read_yaml

VALID = """\
version: 1
name: demo
target: {records: 3}
columns:
  - name: answer
    kind: sampler
    sampler: {type: category, values: [no, yes, 2024-01-01, 1e3, "7", ~x, .5]}
"""


def write(folder: Path, text: str | bytes, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def faults_of(path: Path) -> list[Fault]:
    with pytest.raises(RecipeInvalid) as caught:
        load_recipe(path)
    return caught.value.faults


def test_unquoted_no_and_dates_stay_text_and_exponents_are_numbers(tmp_path: Path) -> None:
    column = load_recipe(write(tmp_path, VALID)).recipe.model_dump()["columns"][0]

    assert column["sampler"]["values"] == ["no", "yes", "2024-01-01", 1000.0, "7", "~x", 0.5]


def test_plain_scalars_follow_the_yaml_1_2_core_rules() -> None:
    text = "[null, ~, true, False, yes, -3, +4, 0o17, 0x1F, 1.5, -.5e2, 12:30, 1_000, '', \"5\"]"

    assert read_yaml(text).data == (
        [None, None, True, False, "yes", -3, 4, 15, 31, 1.5, -50.0, "12:30", "1_000", "", "5"]
    )


def test_a_key_that_looks_like_a_number_or_boolean_is_text() -> None:
    assert read_yaml("{1: a, true: b, 0.5: c, null: d}").data == {"1": "a", "true": "b", "0.5": "c", "null": "d"}


def test_an_alias_is_written_out() -> None:
    assert read_yaml("a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}


def test_every_value_has_its_line() -> None:
    located = read_yaml("a: 1\nb:\n  - x\n  - c: 2\n")

    assert located.lines[("a",)] == 1
    assert located.lines[("b", 1, "c")] == 4


@pytest.mark.parametrize(
    ("text", "path", "message", "line"),
    [
        ("name: a\nname: b\n", "name", "the key 'name' is given twice, first in line 1", 2),
        ("a:\n  b: 1\n  b: 2\n", "a.b", "the key 'b' is given twice, first in line 2", 3),
        ("a: !!python/object:os.system x\n", "a", "tag", 1),
        ("a: !!binary aGk=\n", "a", "tag", 1),
        ("a: !thing {b: 1}\n", "a", "tag", 1),
        ("a: 007\n", "a", "007 can be read in two ways", 1),
        ("a: .nan\n", "a", ".nan is not a number", 1),
        ("a: 1\n<<: {b: 1}\n", "", "merge keys", 1),
        ("? [1]\n: 2\n", "", "cannot be a key", 1),
        ("a: &a [*a]\n", "a[0]", "contains itself", 1),
        ("a: [\n", "", "not YAML", 2),
        ("a: *missing\n", "", "not YAML", 1),
        ("a: 1\n---\nb: 2\n", "", "not YAML", 2),
        ("a: \x07\n", "", "not YAML", None),
        ("[" * 100_000, "", "nested too deep", None),
        ("a: 99999999999999999999\n", "a", "64 bits", 1),
        ("a: " + "9" * 10_000, "a", "64 bits", 1),
        ("a: 1e999\n", "a", "not a finite number", 1),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, text: str, path: str, message: str, line: int | None
) -> None:
    fault = faults_of(write(tmp_path, text))[0]

    assert (fault.path, fault.line) == (path, line)
    assert message in fault.message
    assert fault.hint


def test_aliases_cannot_stand_for_millions_of_values(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    assert "more than 200000 values" in faults_of(write(tmp_path, "\n".join(lines)))[0].message


def test_faults_carry_the_line_of_the_file(tmp_path: Path) -> None:
    text = VALID + "  - name: other\n    kind: sampler\n    sampler:\n      type: poisson\n      mean: -1\n"

    assert [(fault.path, fault.line) for fault in faults_of(write(tmp_path, text))] == [("columns[1].sampler.mean", 12)]


def test_a_missing_key_is_reported_at_the_line_of_what_lacks_it(tmp_path: Path) -> None:
    text = VALID + "  - name: other\n    kind: sampler\n    sampler:\n      type: poisson\n"

    assert [(fault.path, fault.line) for fault in faults_of(write(tmp_path, text))] == [("columns[1].sampler.mean", 10)]


def test_json_is_read_by_its_name(tmp_path: Path) -> None:
    text = '{"version": 1, "name": "demo", "target": {"records": 2}, "columns": '
    text += '[{"name": "a", "kind": "sampler", "sampler": {"type": "uuid"}}]}'

    assert load_recipe(write(tmp_path, text, "recipe.json")).recipe.name == "demo"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "given twice"),
        ('{"a": }', "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON"),
        ('{"a": NaN}', "not a finite number"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("[" * 60 + "]" * 60, "nested deeper"),
    ],
)
def test_bad_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in faults_of(write(tmp_path, text, "recipe.json"))[0].message


def test_a_file_that_is_absent_not_utf_8_or_too_big_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in faults_of(tmp_path / "absent.yaml")[0].message
    assert "not UTF-8" in faults_of(write(tmp_path, b"name: \xff\n"))[0].message
    assert "bigger than" in faults_of(write(tmp_path, b"#" * (5 << 20)))[0].message


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, b"\xef\xbb\xbf" + VALID.encode())).recipe.name == "demo"


def test_an_empty_file_is_no_recipe(tmp_path: Path) -> None:
    assert "not a recipe" in faults_of(write(tmp_path, ""))[0].message


def test_json_objects_keep_the_order_of_their_keys() -> None:
    data = read_json('{"b": 1, "a": 2}').data

    assert isinstance(data, dict)
    assert list(data) == ["b", "a"]
