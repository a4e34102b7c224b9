"""`python -m benchmarks [NAME …]`: runs the benchmarks that need no servers, or those named, and prints one table."""

import argparse
import os
import platform
import sys

from benchmarks import end_to_end, export, gate, routes, stack, startup, uploads
from benchmarks.measure import table

_ALONE = {"startup": startup.figures, "end-to-end": end_to_end.figures, "export": export.embedded}
_ALL = {
    **_ALONE,
    "gate": gate.figures,
    "stack-memory": stack.memory,
    "stack-throughput": stack.throughput,
    "stack-export": export.on_stack,
    "api-uploads": uploads.figures,
    "api-routes": routes.figures,
}


def main() -> int:
    """Prints the table to stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(_ALL))
    names = parser.parse_args().names or list(_ALONE)
    unknown = [name for name in names if name not in _ALL]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(_ALL)}")
    figures = [figure for name in names for figure in _ALL[name]()]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}\n")
    print(table(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
