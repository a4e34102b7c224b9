"""What Prefect's automations tell the API: opened by a token of their own, and off where there is none."""

from pathlib import Path
from uuid import uuid4

import httpx

from tests.support.api import problem, started

TOKEN = "0123456789abcdef" * 3
PATH = "/internal/prefect/run-ended"
BODY = {"flow_run_id": str(uuid4())}


async def test_without_a_token_in_the_settings_nobody_is_let_in(client: httpx.AsyncClient) -> None:
    problem(await client.post(PATH, json=BODY), 404, "not_found")


async def test_neither_a_wrong_token_nor_a_key_with_every_scope_opens_it(tmp_path: Path) -> None:
    async with started(tmp_path, webhook_token=TOKEN) as api:
        async with api.anonymous(authorization=f"Bearer {TOKEN[:-1]}") as caller:
            problem(await caller.post(PATH, json=BODY), 401, "unauthenticated")
        async with await api.client() as caller:
            problem(await caller.post(PATH, json=BODY), 401, "unauthenticated")


async def test_an_installation_without_a_prefect_server_says_so(tmp_path: Path) -> None:
    async with started(tmp_path, webhook_token=TOKEN) as api, api.anonymous(authorization=f"Bearer {TOKEN}") as caller:
        told = problem(await caller.post(PATH, json=BODY), 404, "not_found")
        assert "SYNTHMILL_PREFECT__URL" in told["detail"]
        assert (await caller.post(PATH, json={"flow_run_id": "no id"})).status_code == 422
