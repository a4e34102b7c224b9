"""Requests made from the OpenAPI document by schemathesis, good and bad ones, alone and in the order of its links."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from synthmill.settings import Settings
from synthmill_api.config import ApiConfig
from tests.support import stack
from tests.support.api_things import Things, things_of
from tests.support.installation import settings_on
from tests.support.served_api import Served, served

pytestmark = pytest.mark.integration

CONFIG = Path(__file__).with_name("schemathesis.toml")
HOOKS = str(CONFIG.with_name("schemathesis_hooks.py"))
SEED = 20261123
ROOMY = ApiConfig(secret="0123456789abcdef" * 2, heartbeat_seconds=0.2, stream_seconds=0.5)


@dataclass(frozen=True, slots=True)
class Effort:
    """How many examples are tried of each operation, and of sequences; whether each value is tried at its limits."""

    examples: int
    sequences: int
    limits: bool = True

    def config(self, expendable: str, things: Things) -> str:
        """The settings of schemathesis with these numbers, and ids of things to read.

        What revokes keys is tried by one of another tenant's.
        """
        read = "".join(f'"path.{name}" = "{id_}"\n' for name, id_ in things.items() if name != "version")
        header = f'headers = {{ Authorization = "Bearer {expendable}" }}'
        return CONFIG.read_text() + (
            f'\n[[operations]]\ninclude-path-regex = "^/v1/keys"\n{header}\n'
            f'\n[[operations]]\ninclude-method = "GET"\n[operations.parameters]\n{read}'
            f"\n[phases.coverage]\nenabled = {str(self.limits).lower()}\n"
            f"\n[phases.fuzzing.generation]\nmax-examples = {self.examples}\n"
            f"\n[phases.stateful.generation]\nmax-examples = {self.sequences}\n"
        )


SHORT, LONG, LONG_ON_STACK = Effort(5, 25, limits=False), Effort(150, 500), Effort(30, 100)
"""The limits take as long as everything else of the short run three times over."""


async def checked(settings: Settings, folder: Path, effort: Effort) -> None:
    """Every check of schemathesis on every operation, with one of everything there; fails with its report."""
    async with served(settings, ROOMY) as running:
        async with await running.api.client() as owner:
            things = await things_of(running.api, owner)
        # ids that are put in would stand in the place of those that earlier requests of a sequence have made
        await _checked(running, folder, effort, "examples,coverage,fuzzing", things)
        await _checked(running, folder, effort, "stateful", {})


async def _checked(running: Served, folder: Path, effort: Effort, phases: str, things: Things) -> None:
    config = folder / "schemathesis.toml"
    config.write_text(effort.config(await running.api.key("expendable"), things))
    key = await running.api.key()
    document, header = f"{running.url}/openapi.json", f"Authorization: Bearer {key}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", document),
        *("-H", header, "--seed", str(SEED), "--phases", phases, "--checks", "all", "--no-color"),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "160", "SCHEMATHESIS_HOOKS": HOOKS},
    )
    report, _ = await process.communicate()
    print(report.decode())
    assert process.returncode == 0
    assert await running.api.runtime.keys.caller(key) is not None, "with a key that was revoked on the way"


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("effort", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
async def test_no_request_gets_an_answer_that_the_document_does_not_tell(tmp_path: Path, effort: Effort) -> None:
    await checked(Settings(home=tmp_path / "home"), tmp_path, effort)


@pytest.mark.stack
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("effort", [SHORT, pytest.param(LONG_ON_STACK, marks=pytest.mark.long)], ids=["short", "long"])
async def test_nor_on_real_servers(tmp_path: Path, effort: Effort) -> None:
    await checked(settings_on(tmp_path), tmp_path, effort)
    await stack.remove_all(str(tmp_path))
