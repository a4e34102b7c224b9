"""Says in Prefect what is stuck: in the run's log, on its progress, and as an event."""

import logging

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from synthmill.jobs.stall import Stall
from synthmill.jobs.track import OnStall
from synthmill_flows.announcing import announce_stall
from synthmill_flows.identity import Run
from synthmill_flows.progress import Shown

_log = logging.getLogger(__name__)


def telling_of(run: Run, shown: Shown) -> OnStall:
    """Tells each stall; the record store has it as an event already."""

    async def on_stall(stall: Stall) -> None:
        try:
            get_run_logger().warning(stall.text)
        except MissingContextError:
            _log.warning(stall.text)
        await shown.on_stall(stall)
        announce_stall(run, stall.dataset, stall)

    return on_stall
