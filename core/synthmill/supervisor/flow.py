"""The Prefect flow of one job as a child process; the job does not wait for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from synthmill.settings import Settings
from synthmill.supervisor.process import environment_of, start, stop


class FlowProcess:
    """A flow run under way."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    async def wait(self) -> int:
        """The flow's exit code: 0 when all records were accepted."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ends the flow; the job goes on, and another run finds what is done."""
        await stop(self._process)


@asynccontextmanager
async def running_flow(settings: Settings, job_id: str, out: Path, log_folder: Path) -> AsyncIterator[FlowProcess]:
    """Starts `generate_dataset` for a job; stopped when the context ends."""
    arguments = ["-m", "synthmill_flows", "--job", job_id, "--tenant", settings.tenant, "--out", str(out.resolve())]
    environment = environment_of(settings)
    log = log_folder / "flow.log"
    flow = FlowProcess(await start([*arguments, "--watch-stdin"], environment, log), log)
    try:
        yield flow
    finally:
        await flow.stop()
