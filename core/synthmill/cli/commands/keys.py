"""`synthmill keys`: who may use the REST API, for which tenant, and for what; a tenant's first key is made here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from synthmill.cli import consoles, options
from synthmill.cli.environment import load_settings

if TYPE_CHECKING:
    from synthmill_api.auth.keys import KeyDocument, KeyRing


@click.group("keys")
def keys_command() -> None:
    """Make, list, rotate and revoke keys of the REST API."""


@keys_command.command("create")
@click.option(
    "--scopes",
    multiple=True,
    default=("admin",),
    metavar="SCOPES",
    help="e.g. jobs:read,jobs:write, a role (viewer, editor, operator, admin), or all; default: admin",
)
@options.tenant_option
@click.option("--name", default="", help="to know it by in the list")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="until it expires; default: never")
@options.json_option
def create_command(scopes: tuple[str, ...], tenant: str | None, name: str, days: float | None, as_json: bool) -> None:
    """Make a key and print it, this once: only a hash of it is kept."""
    from synthmill_api.auth.scopes import read_grant

    wanted = read_grant(scopes)

    async def make() -> "tuple[str, KeyDocument]":
        async with _ring() as ring:
            return await ring.create(tenant or load_settings().tenant, wanted, name=name, days=days)

    text, document = asyncio.run(make())
    if as_json:
        consoles.print_json({"key": text, **_told(document)})
        return
    click.echo(text)
    consoles.err().print(f"for tenant {document.for_tenant}: {_rights(document)}; it is not shown again")


@keys_command.command("list")
@click.option("--tenant", metavar="NAME", help="only this tenant's; default: all")
@options.json_option
def list_command(tenant: str | None, as_json: bool) -> None:
    """Show all keys, without their secrets."""

    async def read() -> "list[KeyDocument]":
        async with _ring() as ring:
            return [document async for document in ring.all(tenant)]

    documents = asyncio.run(read())
    if as_json:
        consoles.print_json({"keys": [_told(document) for document in documents]})
        return
    for document in documents:
        used = "never used" if document.last_used_at is None else f"used {document.last_used_at:%Y-%m-%d %H:%M}"
        columns = (document.prefix, f"{document.state:7}", document.for_tenant, _rights(document), used, document.name)
        click.echo("  ".join(columns))
    if not documents:
        consoles.err().print("no keys yet; `synthmill keys create` makes one")


@keys_command.command("rotate")
@click.argument("prefix")
@click.option("--overlap-hours", type=click.FloatRange(min=0), default=24.0, show_default=True)
def rotate_command(prefix: str, overlap_hours: float) -> None:
    """Print a new key with the rights of the one that begins with PREFIX, which opens for a while longer."""

    async def rotate() -> "tuple[str, KeyDocument, KeyDocument]":
        async with _ring() as ring:
            return await ring.rotate(prefix.partition(".")[0], timedelta(hours=overlap_hours))

    text, _, old = asyncio.run(rotate())
    click.echo(text)
    consoles.err().print(f"key {old.prefix} opens until {old.expires_at:%Y-%m-%d %H:%M} UTC")


@keys_command.command("revoke")
@click.argument("prefix")
def revoke_command(prefix: str) -> None:
    """Close the key that begins with PREFIX for good; running APIs heed it within five seconds."""

    async def close() -> None:
        async with _ring() as ring:
            await ring.revoke(prefix.partition(".")[0])

    asyncio.run(close())
    consoles.err().print(f"key {prefix.partition('.')[0]} opens nothing any more")


@asynccontextmanager
async def _ring() -> "AsyncIterator[KeyRing]":
    from synthmill.services import open_services
    from synthmill_api.auth.keys import KeyRing
    from synthmill_api.auth.secret import installation_secret
    from synthmill_api.config import ApiConfig

    settings = load_settings()
    async with open_services(settings) as services:
        yield KeyRing(services.store, installation_secret(ApiConfig(), settings))


def _rights(document: "KeyDocument") -> str:
    return ",".join([*document.roles, *document.scopes])


def _told(document: "KeyDocument") -> dict[str, object]:
    return document.model_dump(mode="json", exclude={"hash", "version"})
