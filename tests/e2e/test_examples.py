"""The examples as a reader of their READMEs runs them: complete, sound, and what each promises."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from synthmill.recipes.compile import load_recipe
from tests.support.facts import assert_sound
from tests.support.program import Program
from tests.support.repository import ROOT, folders

EXAMPLES = ROOT / "examples"
INPUTS = {"support-tickets": "products.csv", "manual-qa": "manual.md", "patients": None}
PAGES = 15  # of about 300 words; fewer passages would say little about reading long files

Record = dict[str, Any]


def made(name: str, tmp_path: Path) -> list[Record]:
    """Runs an example and answers its records, which were compared with the store's facts."""
    program, folder, given = Program(tmp_path / "home"), EXAMPLES / name, INPUTS[name]
    inputs = ["--input", folder / given] if given else []
    result = program.run("run", folder / "recipe.yaml", *inputs, "--direct", "--json", "--out", tmp_path / "out")
    assert result.code == 0, result.err
    slots = assert_sound(program.home, result.summary["job_id"], result.summary["requested"])
    records = [json.loads(line) for line in (tmp_path / "out" / f"{name}.jsonl").read_text().splitlines()]
    assert [{**slot["data"], "_record_id": slot["record_id"]} for slot in slots] == records
    return records


def test_every_example_is_known_here_and_explains_itself() -> None:
    found = {path.name for path in folders() if path.parent == Path("examples")}
    assert found == set(INPUTS)
    assert all((EXAMPLES / name / "README.md").is_file() for name in found)


@pytest.mark.parametrize("name", INPUTS)
def test_an_example_compiles(name: str) -> None:
    assert load_recipe(EXAMPLES / name / "recipe.yaml").recipe.name == name


@pytest.mark.e2e
def test_support_tickets_keep_their_quota_and_contradict_nothing(tmp_path: Path) -> None:
    records = made("support-tickets", tmp_path)
    assert Counter(record["channel"] for record in records) == {
        "email": 80,
        "chat": 60,
        "phone note": 40,
        "web form": 20,
    }
    assert len({record["sku"] for record in records}) == 64
    assert all(record["written_at"] > record["ordered_at"] for record in records)
    assert all(record["headline"].startswith(f"[{record['sku']}] ") for record in records)
    dear_defects = [r for r in records if r["topic"] == "defect" and r["price"] > 100]
    assert dear_defects
    assert {record["priority"] for record in dear_defects} == {1}


@pytest.mark.e2e
def test_each_passage_of_the_manual_gets_its_questions_and_its_place(tmp_path: Path) -> None:
    records = made("manual-qa", tmp_path)
    passages = Counter(record["passage"] for record in records)
    assert set(passages.values()) == {3}
    assert len(passages) >= PAGES
    manual = (EXAMPLES / "manual-qa" / "manual.md").read_text(encoding="utf-8")
    lineage = [json.loads(line) for line in (tmp_path / "out" / "manual-qa.lineage.jsonl").read_text().splitlines()]
    for record, origin in zip(records, lineage, strict=True):
        place = origin["lineage"]
        assert manual[place["char_start"] : place["char_end"]].strip() == record["passage"].strip()
    assert Counter(record["difficulty"] for record in records).most_common()[-1][1] >= len(records) // 3


@pytest.mark.e2e
def test_patients_leave_after_they_came_and_have_an_age(tmp_path: Path) -> None:
    records = made("patients", tmp_path)
    assert Counter(record["department"] for record in records) == {
        "cardiology": 40,
        "pulmonology": 30,
        "surgery": 20,
        "neurology": 10,
    }
    assert all(record["discharged_at"] > record["admitted_at"] for record in records)
    assert all(35 <= record["age"] <= 97 for record in records)
    assert all(record["febrile"] == (record["temperature_c"] >= 38) for record in records)
