"""`synthmill up`: everything on this machine by one command, Prefect's UI included, until Ctrl-C."""

import asyncio
import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from synthmill.cli import consoles
from synthmill.cli.conduct import first_of
from synthmill.cli.environment import load_settings
from synthmill.cli.interrupts import Interrupted, listening
from synthmill.errors import UserError
from synthmill.settings import Profile, Settings


@click.command("up")
@click.option("--prefect-port", default=4200, show_default=True, help="of Prefect's UI and API")
@click.option("--api-port", default=8000, show_default=True, help="of synthmill's REST API")
def up_command(prefect_port: int, api_port: int) -> int:
    """Run everything here until Ctrl-C: Prefect with the same deployments as a large installation, API, services.

    Runs that are under way when it stops go on at the next start; nothing is paid twice.
    """
    settings = load_settings()
    if settings.profile is Profile.STACK:
        raise UserError("`synthmill up` is for the embedded profile; on the stack, `make stack` starts everything")
    with _alone(settings.home):
        for port, option in ((prefect_port, "--prefect-port"), (api_port, "--api-port")):
            _require_free(port, option)
        return asyncio.run(_up(settings, prefect_port, api_port))


async def _up(settings: Settings, prefect_port: int, api_port: int) -> int:
    from synthmill.supervisor.installation import Places, running_installation

    places = Places(prefect_port, api_port, _free_port())
    logs = settings.home / "logs" / "up"
    said = consoles.err()
    async with listening() as interrupts:
        said.print(f"starting; logs are in {logs}")

        async def work() -> None:
            async with running_installation(settings, places, logs) as installation:
                said.print(f"Prefect    {places.prefect_url}  (Deployments: generate-dataset, and Run)")
                said.print(f"REST API   {places.api_url}/v1  (a key: synthmill keys create --scopes all)")
                said.print("ready; Ctrl-C stops it")
                failure = await installation.failed()
                raise failure

        try:
            await first_of(work(), asyncio.Event().wait(), interrupts)  # type: ignore[arg-type]
        except Interrupted:
            said.print("stopped; what was under way goes on at the next start")
    return 0


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two in one folder would run everything twice; the kernel frees the lock however we end."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"`synthmill up` runs already in {home}") from error
        yield


def _require_free(port: int, option: str) -> None:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return
    except OSError as error:
        raise UserError(f"port {port} is taken: give another {option}") from error


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
