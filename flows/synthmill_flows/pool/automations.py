"""The shipped automations, put onto a server by name; Prefect's own command would add them again each time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.automations import AutomationCore
from pydantic import TypeAdapter

from synthmill_schemas.base import JsonObject

_FILE: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])
_BLOCK = "block"

BlockIds = Callable[[str], UUID | None]
"""The id of a webhook block by its name; None: it is not there."""


def declared(path: Path) -> list[JsonObject]:
    """The file's automations as they stand."""
    return _FILE.validate_python(yaml.safe_load(path.read_text()))


def blocks_wanted(automation: JsonObject) -> Iterator[str]:
    """Names of the webhook blocks that its actions call."""
    for action in automation["actions"]:
        if _BLOCK in action:
            yield action[_BLOCK]


def resolved(automation: JsonObject, block_ids: BlockIds) -> AutomationCore | None:
    """The automation with its blocks' ids; None when a block is not there, so that it would only fail."""
    actions = []
    for action in automation["actions"]:
        rest = {name: value for name, value in action.items() if name != _BLOCK}
        if _BLOCK in action:
            found = block_ids(action[_BLOCK])
            if found is None:
                return None
            rest["block_document_id"] = found
        actions.append(rest)
    return AutomationCore.model_validate({**automation, "actions": actions})


async def upsert(client: PrefectClient, automation: AutomationCore) -> None:
    """One automation of this name afterwards, as declared; whether it is enabled stays an operator's choice."""
    found = await client.read_automations_by_name(automation.name)
    if not found:
        await client.create_automation(automation)
        return
    first, *doubles = found
    kept = automation.model_copy(update={"enabled": first.enabled})
    await client.update_automation(first.id, kept)
    for double in doubles:
        await client.delete_automation(double.id)
