"""From an upload over HTTP to records out of the API, with every service a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.settings import Settings
from synthmill.supervisor import running_services
from tests.support.api_process import start_api
from tests.support.facts import assert_sound
from tests.support.wait import until_async

pytestmark = pytest.mark.e2e

ROWS = 30
RECIPE: dict[str, Any] = {
    "version": 1,
    "name": "product_copy",
    "model": {"route": "offline/fake-1"},
    "columns": [
        {"name": "sku", "kind": "source"},
        {"name": "title", "kind": "source"},
        {"name": "tone", "kind": "sampler", "sampler": {"type": "category", "values": ["dry", "warm"]}},
        {"name": "text", "kind": "llm", "prompt": "Two {{ tone }} sentences about {{ title }}, item {{ sku }}."},
    ],
}


def made_key(home: Path) -> str:
    command = [sys.executable, "-m", "synthmill", "keys", "create", "--scopes", "all"]
    environment = {**os.environ, "SYNTHMILL_HOME": str(home)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


async def test_an_upload_becomes_records_that_can_be_searched_and_exported(tmp_path: Path) -> None:
    home, logs = tmp_path / "home", tmp_path / "logs"
    logs.mkdir()
    rows = "sku,title\n" + "".join(f"A-{n},lamp {n}\n" for n in range(ROWS))
    with start_api(home) as api:
        headers = {"authorization": f"Bearer {made_key(home)}"}
        async with (
            running_services(Settings(home=home), gateway=True, log_folder=logs),
            httpx.AsyncClient(base_url=api.url, headers=headers, timeout=60) as client,
        ):
            uploaded = await client.post("/v1/sources", files={"file": ("products.csv", rows.encode())})
            body = {"recipe": RECIPE, "sources": [uploaded.json()["id"]]}
            created = await client.post("/v1/jobs", json=body, headers={"idempotency-key": "first"})
            assert created.status_code == 202, created.text
            path = created.headers["location"]

            async def completed(path: str = path) -> dict[str, Any] | None:
                progress: dict[str, Any] = (await client.get(path)).json()
                parts = sum(progress[part] for part in ("accepted", "exhausted", "parked", "pending"))
                assert parts == progress["requested"]
                return progress if progress["state"] == "completed" else None

            progress = await until_async(completed, "the job to complete", seconds=120)
            assert progress["accepted"] == ROWS
            found = (await client.get(f"{path}/records", params={"filter": "sku=A-7"})).json()
            assert [item["data"]["title"] for item in found["items"]] == ["lamp 7"]
            story = (await client.get(f"{path}/records/{found['items'][0]['id']}")).json()
            assert story["seed"]["data"] == {"sku": "A-7", "title": "lamp 7"}
            assert story["call"]["route"] == "offline/fake-1"
            exported = [json.loads(line) for line in (await client.get(f"{path}/export")).text.splitlines()]

            small = await client.post("/v1/jobs", json={"recipe": RECIPE, "rows": [{"sku": "B-1", "title": "desk"}]})
            assert small.json()["state"] == "planned"  # by the API itself; a worker follows it to its end

            async def ended() -> dict[str, Any] | None:
                return await completed(small.headers["location"])

            assert (await until_async(ended, "the small job to complete"))["accepted"] == 1
            more = await client.post(f"{small.headers['location']}/extend", json={"records": 3})
            assert more.status_code == 202, more.text
            assert (await until_async(ended, "the longer job to complete"))["accepted"] == 3
    slots = assert_sound(home, path.rpartition("/")[2], ROWS)
    assert exported == [{**slot["data"], "_record_id": slot["record_id"]} for slot in slots]
