"""`python -m synthmill.bridge [--watch-stdin]`: starts the bridge of the embedded profile."""

import sys

from synthmill.bridge.service import Bridge
from synthmill.embedded import open_embedded
from synthmill.service import run_service


def main() -> int:
    """The exit code of the service."""
    return run_service("bridge", __doc__, open_embedded, Bridge)


if __name__ == "__main__":
    sys.exit(main())
