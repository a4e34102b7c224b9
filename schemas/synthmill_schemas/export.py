"""Writes schemas/json, one JSON Schema a contract and the queues; with --check it only tells whether they are fresh.

Messages and documents are described as they are written (every field present); the recipe as a user may write it.
"""

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from synthmill_schemas.base import JsonObject
from synthmill_schemas.budget import SpendingDocument
from synthmill_schemas.dataset import DatasetDocument, VersionDocument
from synthmill_schemas.dead_letter import DeadLetterDocument
from synthmill_schemas.event import EventDocument
from synthmill_schemas.file_export import ExportDocument, ExportMessage
from synthmill_schemas.gate_report import GatePage, GateReport
from synthmill_schemas.generation import GenerationRequest
from synthmill_schemas.job import JobDocument, JobMessage
from synthmill_schemas.ledger import CallDocument, ClaimDocument, RejectDocument
from synthmill_schemas.quote import QuoteReport
from synthmill_schemas.recipe import Recipe
from synthmill_schemas.seed import SeedDocument
from synthmill_schemas.slot import Record, SlotDocument
from synthmill_schemas.stdio import InputLine, OutputLine

Mode = Literal["validation", "serialization"]

CONTRACTS: dict[str, TypeAdapter[object]] = {
    "recipe": TypeAdapter(Recipe),
    "job_message": TypeAdapter(JobMessage),
    "job_document": TypeAdapter(JobDocument),
    "seed": TypeAdapter(SeedDocument),
    "generation_request": TypeAdapter(GenerationRequest),
    "slot": TypeAdapter(SlotDocument),
    "record": TypeAdapter(Record),
    "reject": TypeAdapter(RejectDocument),
    "call": TypeAdapter(CallDocument),
    "claim": TypeAdapter(ClaimDocument),
    "event": TypeAdapter(EventDocument),
    "dead_letter": TypeAdapter(DeadLetterDocument),
    "export_message": TypeAdapter(ExportMessage),
    "export_document": TypeAdapter(ExportDocument),
    "dataset": TypeAdapter(DatasetDocument),
    "version": TypeAdapter(VersionDocument),
    "quote": TypeAdapter(QuoteReport),
    "spending": TypeAdapter(SpendingDocument),
    "gate_report": TypeAdapter(GateReport),
    "gate_page": TypeAdapter(GatePage),
    "input_line": TypeAdapter(InputLine),
    "output_line": TypeAdapter(OutputLine),
}
"""Every contract by the name of its schema file and of its folder of examples."""

FOLDER = Path(__file__).resolve().parents[1] / "json"
QUEUES = Path(__file__).resolve().with_name("queues.toml")


def mode_of(contract: str) -> Mode:
    """How a contract is described: a recipe comes from people, who leave defaults out."""
    return "validation" if contract == "recipe" else "serialization"


def json_schema(contract: str) -> JsonObject:
    """A contract's JSON Schema, draft 2020-12."""
    schema = CONTRACTS[contract].json_schema(mode=mode_of(contract))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def rendered() -> dict[str, str]:
    """File name to text, sorted keys, a newline at the end."""
    contents: dict[str, object] = {f"{contract}.v1.schema.json": json_schema(contract) for contract in CONTRACTS}
    # for readers that have no TOML parser
    contents["queues.json"] = tomllib.loads(QUEUES.read_text())
    return {name: json.dumps(content, indent=2, sort_keys=True) + "\n" for name, content in contents.items()}


def stale(folder: Path) -> list[str]:
    """Names of files that are missing, out of date, or of no contract."""
    wanted = rendered()
    found = {path.name: path.read_text() for path in folder.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> None:
    """Makes the folder hold exactly the rendered files."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = rendered()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text)


def main() -> int:
    """0 when the files are as they should be, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m synthmill_schemas.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is out of date")
    if not parser.parse_args().check:
        write(FOLDER)
        return 0
    names = stale(FOLDER)
    if names:
        sys.stderr.write(f"schemas/json is out of date ({', '.join(names)}); run: make fmt\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
