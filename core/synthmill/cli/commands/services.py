"""`synthmill api|worker|bridge|gateway|flows|deploy`: becomes the program, so signals and exit codes are its own."""

import os
import sys
from typing import NoReturn

import click

_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def _become(module: str, arguments: tuple[str, ...]) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - our own module, no shell


@click.command("api", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def api_command(arguments: tuple[str, ...]) -> None:
    """Run the REST API in the foreground: sources, recipes, jobs and results over HTTP."""
    _become("synthmill_api", arguments)


@click.command("worker", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker_command(arguments: tuple[str, ...]) -> None:
    """Run the worker in the foreground: files to seeds to generation requests."""
    _become("synthmill_worker", arguments)


@click.command("bridge", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def bridge_command(arguments: tuple[str, ...]) -> None:
    """Run the bridge in the foreground: it feeds the consumer and stores its results."""
    _become("synthmill.bridge", arguments)


@click.command("gateway", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def gateway_command(arguments: tuple[str, ...]) -> None:
    """Run the LLM gateway in the foreground: one OpenAI-compatible URL for every provider."""
    _become("synthmill_gateway", arguments)


@click.command("flows", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def flows_command(arguments: tuple[str, ...]) -> None:
    """Run the Prefect worker in the foreground: it deploys the flows to the server of PREFECT_API_URL and runs them."""
    _become("synthmill_flows.pool", arguments)


@click.command("deploy", context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def deploy_command(arguments: tuple[str, ...]) -> None:
    """Put pool, blocks, deployments and automations onto the server of PREFECT_API_URL; twice is once."""
    _become("synthmill_flows.pool.apply", arguments)
