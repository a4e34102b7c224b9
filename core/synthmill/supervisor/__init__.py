"""Runs the services of the embedded profile as child processes of one command.

# Layout
- `process`   one service process: started, started again when it dies, stopped so that it drains
- `services`  gateway, worker and bridge together
- `flow`      the Prefect flow of one job
- `installation` all of it, with a Prefect server, API and Prefect worker

Children watch their stdin, so they stop by themselves when this process is gone, even by SIGKILL.
"""

from synthmill.supervisor.flow import FlowProcess, running_flow
from synthmill.supervisor.process import ServiceFailed
from synthmill.supervisor.services import ServiceGroup, running_services

__all__ = ["FlowProcess", "ServiceFailed", "ServiceGroup", "running_flow", "running_services"]
