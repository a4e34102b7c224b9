"""The worker on the stack, killed after it has sent a job's message on and before it settles the one it had."""

import os
import signal
import sys
from collections.abc import Mapping

from synthmill.ports.broker import Settlement
from synthmill.stack.rabbitmq.line import Held
from synthmill.stack.rabbitmq.settling import Settler
from synthmill_worker.__main__ import main

_send_on = Settler._send_on


async def _send_on_and_die(
    settler: Settler, held: Held, settlement: Settlement, delay_seconds: float, evidence: Mapping[str, str]
) -> None:
    await _send_on(settler, held, settlement, delay_seconds, evidence)
    if settlement is Settlement.CONTINUE:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    setattr(Settler, "_send_on", _send_on_and_die)  # noqa: B010  mypy wants no plain assignment to a method
    sys.exit(main())
