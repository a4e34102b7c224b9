"""Says in Prefect what is stuck: in the run's log, and on its progress."""

import logging

from prefect.exceptions import MissingContextError
from prefect.logging import get_run_logger

from synthmill.jobs.stall import Stall
from synthmill.jobs.track import OnStall
from synthmill_flows.progress import Shown

_log = logging.getLogger(__name__)


def telling_of(shown: Shown) -> OnStall:
    """Tells each stall once; the record store has it as an event already."""

    async def on_stall(stall: Stall) -> None:
        try:
            get_run_logger().warning(stall.text)
        except MissingContextError:
            _log.warning(stall.text)
        await shown.on_stall(stall)

    return on_stall
