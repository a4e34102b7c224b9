"""`python -m synthmill_flows.pool.apply`: pool, blocks, deployments and automations onto the Prefect server.

Twice is once. What operators switch on the server stays: schedules that are active or not, automations that are enabled
or not, the pool's limit and template.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from synthmill import logs
from synthmill.errors import SynthmillError, UserError
from synthmill.settings import Profile, Settings
from synthmill_flows import blocks
from synthmill_flows.blocks.base import DEFAULT_NAME, ServerBlock
from synthmill_flows.pool import automations
from synthmill_flows.pool.files import automations_file, prefect_file
from synthmill_flows.pool.switches import schedules_kept, triggers_kept
from synthmill_flows.pool.templates import POOL, POOL_DESCRIPTION, POOL_TYPE, has_folder, process_template

_log = logging.getLogger(__name__)

_BLOCKS: tuple[type[ServerBlock], ...] = (
    blocks.RabbitMQBroker,
    blocks.ElasticsearchStore,
    blocks.MinioBucket,
    blocks.LlmGateway,
    blocks.SynthmillApi,
)
_RUN_ENDED = "/internal/prefect/run-ended"
_JSON = {"Content-Type": "application/json"}  # Prefect sends a payload that is a text without saying what it is


async def apply(settings: Settings, folder: Path) -> None:
    """`folder`: where a new pool's runs work. `UserError` when the files have a fault."""
    async with get_client() as client:
        await _pool(client, folder)
        await _blocks(settings)
        async with schedules_kept(client), triggers_kept(client):
            await _deployments(prefect_file())
        await _automations(client)


async def _pool(client: PrefectClient, folder: Path) -> None:
    try:
        pool = await client.read_work_pool(POOL)
    except ObjectNotFound:
        template = process_template(folder)
        create = WorkPoolCreate(name=POOL, type=POOL_TYPE, description=POOL_DESCRIPTION, base_job_template=template)
        await client.create_work_pool(create)
        return
    if pool.type == POOL_TYPE and not has_folder(pool.base_job_template):
        await client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=process_template(folder)))


async def _blocks(settings: Settings) -> None:
    """Types always, documents as far as the environment says what stands in them."""
    for block in _BLOCKS:
        await block.aregister_type_and_schema()
        if settings.profile is not Profile.STACK:
            continue
        try:
            document = block.from_env()
        except SynthmillError as lack:
            _log.info("no block %s/%s: %s", block.get_block_type_slug(), DEFAULT_NAME, lack)
            continue
        await document.asave(DEFAULT_NAME, overwrite=True)
    for name, webhook in webhooks(os.environ).items():
        await webhook.asave(name, overwrite=True)


def webhooks(environment: Mapping[str, str]) -> dict[str, Webhook]:
    """By name, those that automations call."""
    found: dict[str, Webhook] = {}
    api, token = environment.get("SYNTHMILL_API_URL"), environment.get("SYNTHMILL_API__WEBHOOK_TOKEN")
    if api and token:
        found["synthmill-api"] = Webhook.model_validate(
            {"url": f"{api}{_RUN_ENDED}", "headers": {**_JSON, "Authorization": f"Bearer {token}"}}
        )
    notify = environment.get("SYNTHMILL_NOTIFY_URL")
    if notify:
        found["synthmill-notify"] = Webhook.model_validate({"url": notify, "headers": _JSON})
    return found


async def _deployments(file: Path) -> None:
    """Prefect's own command, so that by hand and by us is the same."""
    arguments = ["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=file.parent,
        env={**os.environ, **get_current_settings().to_environment_variables(exclude_unset=True)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise UserError(f"prefect deploy refused {file}:\n{output.decode(errors='replace').strip()}")


async def _automations(client: PrefectClient) -> None:
    for declaration in automations.declared(automations_file()):
        ids = {name: await _block_id(client, name) for name in automations.blocks_wanted(declaration)}
        automation = automations.resolved(declaration, ids.get)
        if automation is None:
            _log.info("automation %s is left out: its webhook block is not there", declaration["name"])
        else:
            await automations.upsert(client, automation)


async def _block_id(client: PrefectClient, name: str) -> UUID | None:
    try:
        return (await client.read_block_document_by_name(name, Webhook.get_block_type_slug())).id
    except ObjectNotFound:
        return None


def main() -> int:
    """Applies it and answers the exit code."""
    logs.configure("flow", level="WARNING")
    logging.getLogger("synthmill_flows").setLevel("INFO")
    try:
        asyncio.run(apply(Settings(), Path.cwd()))
    except SynthmillError as error:
        logs.last_words(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
