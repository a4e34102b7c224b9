"""`python -m tests.support.peak_memory FILE`: reads a source as the worker does, prints rows and peak memory in KiB.

It runs in a process of its own, because a peak never goes down again.
"""

import json
import sys
from contextlib import closing
from pathlib import Path

from synthmill.inputs.extract.extract import extract
from synthmill.inputs.extract.rows import Limits
from synthmill.inputs.extract.survey import survey
from synthmill.seeding.contracts import RowContract
from synthmill.seeding.harvest import Harvester, Origin
from synthmill.seeding.occurrences import Occurrences
from synthmill_schemas.job import JobDocument, Source
from synthmill_schemas.recipe import Chunking, FieldContract, Recipe, ValueType


def main(path: Path) -> None:
    """Everything but storing: survey, rows, contract, seeds."""
    hash_ = "0" * 64
    recipe = Recipe.model_validate({"version": 1, "name": "d", "columns": [{"name": "title", "kind": "source"}]})
    job = JobDocument(job_id="j", dataset="d", recipe=recipe, recipe_hash=hash_)
    source = Source(key=path.name, object_key="k", sha256=hash_, size=path.stat().st_size)
    fields = {"price": FieldContract(type=ValueType.NUMBER, minimum=0)} if "text" not in path.name else {}
    count = 0
    with path.open("rb") as file, closing(Occurrences()) as occurrences:
        extraction = extract(file, path.name, survey(file), Limits(), Chunking())
        harvester = Harvester(Origin(job, source, "set"), RowContract(fields), occurrences, 500)
        for harvest in harvester.run(extraction.rows):
            count += len(harvest.seeds)
    print(json.dumps({"rows": count, "peak_kib": peak_kib()}))


def peak_kib() -> int:
    """The largest resident size of this program; `ru_maxrss` may be that of the process which started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
