"""`python -m synthmill_gateway`: parses the command line, starts, nothing else."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from synthmill import logs
from synthmill.errors import UserError
from synthmill.serving.http import serve
from synthmill.serving.listening import Listening, add_options, exit_code
from synthmill.settings import Settings
from synthmill_gateway.app import create_app
from synthmill_gateway.catalog.reading import load
from synthmill_gateway.catalog.targets import catalog_of
from synthmill_gateway.config import GatewayConfig
from synthmill_gateway.limits.board import SEATS, Board
from synthmill_gateway.limits.meter import Meter
from synthmill_gateway.models import Models, check
from synthmill_gateway.offline.knobs import KnobsRefused, from_environment
from synthmill_gateway.workers import Workers


def main() -> int:
    """Run until stopped; 2 for a wrong setting."""
    given = _arguments()
    logs.configure("gateway")
    return exit_code(lambda: _checked_or_served(given), given.host, given.port)


def _checked_or_served(given: argparse.Namespace) -> int:
    config = _config(given)
    if given.check:
        return _check(config.file)
    config.check_host(given.host)
    return asyncio.run(_run(given, config))


def _config(given: argparse.Namespace) -> GatewayConfig:
    named = {"file": given.config, "state": given.state}
    try:
        return GatewayConfig(**{name: path for name, path in named.items() if path is not None})
    except ValidationError as error:
        told = (f"SYNTHMILL_GATEWAY__{fault['loc'][0]}".upper() + f": {fault['msg']}" for fault in error.errors())
        raise UserError("; ".join(told)) from error


def _check(file: Path | None) -> int:
    """Tells a person, not a log."""
    try:
        sys.stdout.write(_usable(file))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _usable(file: Path | None) -> str:
    if file is None:
        raise UserError("name the file to check by --config or SYNTHMILL_GATEWAY__FILE")
    loaded = load(file)
    catalog = catalog_of(loaded.file)
    check(loaded, catalog)
    names = ", ".join(target.name for target in catalog.targets())
    return f"{file} can be used; it serves {names}\n"


async def _run(given: argparse.Namespace, config: GatewayConfig) -> int:
    try:
        knobs = from_environment()
    except KnobsRefused as error:
        raise UserError(str(error)) from error
    with _state(config) as state:
        board = Board(state, given.seat)
        board.vacate(everybody=not given.reuse_port)
        if given.workers > 1:
            if config.file is not None:
                load(config.file)  # its faults are told once, not by every worker
            workers = Workers(given.workers, (given.host, given.port), config, state)
            return await workers.run(given.port_file, watch_stdin=given.watch_stdin)
        models = Models(config, knobs, Meter(board))
        listening = Listening(given.host, given.port, given.port_file, given.watch_stdin, given.reuse_port)
        app = create_app(config, models, with_metrics=Settings().monitoring.metrics)
        await serve(app, listening, config.drain_seconds)
    if models.refusal is not None:
        raise models.refusal
    return 0


@contextlib.contextmanager
def _state(config: GatewayConfig) -> Iterator[Path]:
    """The file of the counters; one for this run alone when none is named."""
    if config.state is not None:
        config.state.parent.mkdir(parents=True, exist_ok=True)
        yield config.state
        return
    with tempfile.TemporaryDirectory(prefix="synthmill-gateway-") as folder:
        yield Path(folder) / "counters"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="synthmill_gateway", description=__doc__)
    add_options(parser, port=4000)
    parser.add_argument("--config", type=Path, help="gateway.yaml; default: SYNTHMILL_GATEWAY__FILE")
    parser.add_argument("--check", action="store_true", help="say what is wrong with the file, and end")
    parser.add_argument("--workers", type=_workers, default=1, help="processes that share the port, 250 MB each")
    parser.add_argument("--reuse-port", action="store_true", help="let other processes listen on the same port")
    parser.add_argument("--state", type=Path, help="counters of the limits; default: SYNTHMILL_GATEWAY__STATE")
    parser.add_argument("--seat", type=int, default=0, help="number among the processes that share the port")
    return parser.parse_args()


def _workers(text: str) -> int:
    count = int(text)
    if not 1 <= count <= SEATS:
        raise argparse.ArgumentTypeError(f"give 1 to {SEATS}")
    return count


if __name__ == "__main__":
    sys.exit(main())
