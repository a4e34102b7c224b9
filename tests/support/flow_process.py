"""`python -m synthmill_flows` as the command line starts it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import Program

END_SECONDS = 120


@dataclass
class FlowRun:
    """One run under way; its stdin is a pipe that we hold."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(END_SECONDS)

    def close_stdin(self) -> None:
        """What the run sees when whoever started it dies."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def last_words(self) -> str:
        """The message of the last line that it logged."""
        lines = self.log.read_text().splitlines()
        return str(json.loads(lines[-1])["message"]) if lines else ""


@contextmanager
def flow_run(home: Path, job_id: str, out: Path, **environment: str) -> Iterator[FlowRun]:
    """Starts a run of the job in `home`; at the end it is gone, whatever the test did."""
    command = [sys.executable, "-m", "synthmill_flows", "--job", job_id, "--out", str(out), "--watch-stdin"]
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("PREFECT_")}
    log = home.parent / f"{job_id}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**inherited, "SYNTHMILL_HOME": str(home), **environment},
        )
    try:
        yield FlowRun(process, log)
    finally:
        process.kill()
        process.communicate()
        Program(home).kill_all()
