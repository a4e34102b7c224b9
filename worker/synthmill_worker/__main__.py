"""`python -m synthmill_worker [--watch-stdin]`: starts the worker."""

import sys

from synthmill.service import run_service
from synthmill.services import open_services
from synthmill_worker.runner import Worker


def main() -> int:
    """The exit code of the service."""
    return run_service("worker", __doc__, open_services, Worker)


if __name__ == "__main__":
    sys.exit(main())
