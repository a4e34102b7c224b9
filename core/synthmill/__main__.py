"""`python -m synthmill` is the `synthmill` program."""

import sys

from synthmill.cli import main

if __name__ == "__main__":
    sys.exit(main())
