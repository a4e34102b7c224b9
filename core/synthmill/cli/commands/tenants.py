"""`synthmill tenants`: what a tenant of the REST API may use, told by whoever runs the installation."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import click

from synthmill.cli import consoles
from synthmill.cli.environment import load_settings
from synthmill.errors import UserError
from synthmill_schemas.base import JsonObject

if TYPE_CHECKING:
    from synthmill_api.quotas.limits import Limits

_DEFAULT = "default"
_NONE = "none"


@click.group("tenants")
def tenants_command() -> None:
    """Show and set what a tenant may use; a tenant exists as soon as it has a key."""


@tenants_command.command("show")
@click.argument("tenant")
def show_command(tenant: str) -> None:
    """Print TENANT's limits as JSON: its own, and the settings' for what it leaves out."""
    consoles.print_json({"tenant": tenant, "limits": asyncio.run(_limits(tenant)).model_dump(mode="json")})


@tenants_command.command("limit")
@click.argument("tenant")
@click.argument("limits", nargs=-1, required=True, metavar="NAME=VALUE...")
def limit_command(tenant: str, limits: tuple[str, ...]) -> None:
    """Set limits of TENANT, e.g. running_jobs=4; `none` is no limit, `default` the settings' again."""
    asyncio.run(_set(tenant, dict(map(_pair, limits))))
    consoles.err().print(f"running APIs heed the limits of {tenant} within five seconds")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise UserError(f"{text!r} is no limit: write NAME=VALUE, e.g. running_jobs=4")
    return name, value


async def _limits(tenant: str) -> "Limits":
    from synthmill.services import open_services
    from synthmill_api.config import ApiConfig
    from synthmill_api.quotas.limits import limits_of

    async with open_services(load_settings()) as services:
        return await limits_of(services.store, tenant, ApiConfig().quotas)


async def _set(tenant: str, told: dict[str, str]) -> None:
    from synthmill.services import open_services
    from synthmill_api.quotas.limits import set_limits

    wanted: JsonObject = {name: _value(name, value) for name, value in told.items() if value != _DEFAULT}
    async with open_services(load_settings()) as services:
        await set_limits(services.store, tenant, wanted, drop=set(told) - set(wanted))


def _value(name: str, text: str) -> Any:  # noqa: ANN401  a number, or no limit
    if text == _NONE:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise UserError(f"{name}={text}: give a number, none, or default") from None
