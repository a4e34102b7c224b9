"""`make stack` as an operator uses it: up, a job through all of it, a dataset in Prefect's UI, up again, down."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.support.client import Client
from tests.support.facts import assert_all_accepted, paid_twice
from tests.support.indices import Indices
from tests.support.killing import answered
from tests.support.native import settings_from
from tests.support.native_stack import Stack, native_stack
from tests.support.on_stack import ON_STACK
from tests.support.prefect_ui import PrefectUi, prefect_ui
from tests.support.provider import Provider, start_provider
from tests.support.readme import pasted
from tests.support.stack_jobs import recipe, rows
from tests.support.wait import until

pytestmark = [*ON_STACK, pytest.mark.e2e, pytest.mark.timeout(900)]
ROWS = 60
RECORDS, CONCURRENCY, LATENCY_MS = 2_000, 6, 200
"""30 s of work for two consumers and more: time to look at it, and to cancel at half."""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """Behind the gateway; its log is the witness of what was paid."""
    with start_provider(tmp_path_factory.mktemp("provider"), latency_ms=LATENCY_MS) as provider:
        yield provider


GATEWAY = """
version: 1
offline: true
providers:
  pretended: {{kind: openai, api_base: "{base_url}"}}
models:
  slow: {{provider: pretended, model: fake-1}}
"""


@pytest.fixture(scope="module")
def stack(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    file = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    file.write_text(GATEWAY.format(base_url=provider.base_url))
    limits = {"SYNTHMILL_CONSUMER__CONCURRENCY": str(CONCURRENCY), "SYNTHMILL_CONSUMER__PREFETCH": "12"}
    with native_stack(OPENAI_API_KEY="unused", SYNTHMILL_GATEWAY__FILE=str(file), **limits) as stack:
        yield stack


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_everything_is_healthy_and_told_with_its_address(stack: Stack) -> None:
    lines = [line.split() for line in stack.run("status").splitlines()]
    assert {name: word for name, word, _ in lines} == dict.fromkeys(set(stack.pids()) - {"epmd"}, "healthy")
    assert len(lines) == 12


def test_a_file_becomes_records_through_all_of_it(stack: Stack) -> None:
    told = stack.told()
    with closing(Client(told["SYNTHMILL_API_URL"], stack.api_key())) as client:
        source = client.upload("products.csv", rows(ROWS))
        job = client.order(recipe(model={"route": "offline/fake-1"}, target={"records": ROWS}), source)
        client.completed(job, ROWS)
        assert sorted(record["slot"] for record in client.records(job)) == list(range(ROWS))


def test_a_key_of_the_api_is_there_for_clients_and_in_its_prefect_block(stack: Stack) -> None:
    told = stack.told()
    with closing(Client(told["SYNTHMILL_API_URL"], told["SYNTHMILL_API_KEY"])) as client:
        assert client.http.get("/v1/jobs").status_code == 200
    assert (stack.home / "api-key.env").stat().st_mode & 0o077 == 0
    with httpx.Client(
        base_url=told["PREFECT_API_URL"], auth=tuple(told["PREFECT_API_AUTH_STRING"].split(":"))
    ) as prefect:
        path = "/block_types/slug/synthmill-api/block_documents/name/synthmill"
        shown, whole = (prefect.get(path, params={"include_secrets": wanted}).json() for wanted in (False, True))
    assert told["SYNTHMILL_API_KEY"] not in str(shown)
    assert whole["data"]["key"] == told["SYNTHMILL_API_KEY"]


def test_the_readmes_request_works_as_it_is_written(stack: Stack) -> None:
    url, key = stack.told()["SYNTHMILL_API_URL"], stack.api_key()
    with closing(Client(url, key)) as client:
        client.completed(pasted(url, key), 5)


def test_a_person_makes_a_dataset_in_prefects_ui(stack: Stack, provider: Provider, tmp_path: Path) -> None:
    told = stack.told()
    with (
        closing(Client(told["SYNTHMILL_API_URL"], stack.api_key())) as client,
        Indices(settings_from(told).elasticsearch) as indices,
        prefect_ui(told["PREFECT_API_URL"], told["PREFECT_API_AUTH_STRING"], pictures(tmp_path)) as ui,
    ):
        store_recipe(client)
        job = start_by_form(ui)
        until(lambda: len(answered(provider)) >= RECORDS // 2, "half of the records", seconds=240)
        ui.tab("Artifacts")
        ui.until_told(f"/{RECORDS} records")
        ui.picture("prefect-progress")
        ui.choose("Cancel", confirm="Cancel Flow Run")
        ui.until_in_state("Cancelled")
        assert_cancelled_with_exact_counts(client, indices, job, len(answered(provider)))
        ui.choose("Retry", confirm="Retry")
        ui.until_in_state("Completed")
        ui.page.reload()  # cards that are shown already are not renewed
        ui.until_told(f"{RECORDS}/{RECORDS} records")
        ui.picture("prefect-completed")
        assert_all_accepted(indices.job(job), indices.slots(job), RECORDS)
        assert paid_twice(answered(provider)) == 0


def store_recipe(client: Client) -> None:
    """What the form's names stand for."""
    wanted = recipe(model={"route": "slow"}, seed=2)
    client.http.post("/v1/recipes", json=wanted).raise_for_status()
    client.upload("catalogue.csv", rows(RECORDS))


def start_by_form(ui: PrefectUi) -> str:
    """Fills in the recipe and the source by their names; the run's id, which is the job's."""
    ui.open_deployment("generate-dataset")
    ui.open_form()
    ui.field("Recipe").fill("products")
    ui.page.get_by_role("button", name="Add item").click()
    ui.page.get_by_role("textbox").nth(2).fill("catalogue.csv")  # after the run's name and the recipe
    ui.picture("prefect-form")
    return ui.submit()


def assert_cancelled_with_exact_counts(client: Client, indices: Indices, job: str, paid: int) -> None:
    """What is told is what is stored: each record that was paid for once, the rest open."""
    until(lambda: client.http.get(f"/v1/jobs/{job}").json()["state"] == "cancelled", "the job to be cancelled")
    shown, stored = client.http.get(f"/v1/jobs/{job}").json(), len(indices.slots(job))
    assert RECORDS // 2 <= shown["accepted"] == stored == paid < RECORDS
    assert (shown["requested"], shown["pending"]) == (RECORDS, RECORDS - stored)


def pictures(folder: Path) -> Path:
    """Where they are kept; SYNTHMILL_TEST_PICTURES=docs/images renews those of the documentation."""
    return Path(os.environ.get("SYNTHMILL_TEST_PICTURES", str(folder)))


def test_a_second_time_changes_nothing(stack: Stack) -> None:
    before = stack.pids()
    said = stack.run("up")
    assert stack.pids() == before
    assert said.count("runs already") == len(before) - 1  # epmd is RabbitMQ's


def test_secrets_are_on_no_command_line_and_in_no_log(stack: Stack) -> None:
    lines = [line for name in ("secrets.env", "api-key.env") for line in (stack.home / name).read_text().splitlines()]
    secrets = [line.split("=", 1)[1] for line in lines]
    texts = [Path(f"/proc/{pid}/cmdline").read_text() for pid in stack.pids().values()]
    texts += [log.read_text(errors="replace") for log in (stack.home / "logs").iterdir()]
    assert not [secret for secret in secrets if any(secret in text for text in texts)]


def test_one_can_be_stopped_and_started_by_name(stack: Stack) -> None:
    before = stack.pids()
    stack.run("down", "worker-2")
    assert set(before) - set(stack.pids()) == {"worker-2"}
    stack.run("up", "worker-2")
    changed = {name for name, pid in stack.pids().items() if before[name] != pid}
    assert changed == {"worker-2"}


def test_down_ends_all_that_it_started(stack: Stack) -> None:
    before = stack.pids()
    said = stack.run("down")
    assert stack.pids() == {}
    assert not [name for name, pid in before.items() if alive(pid)]
    assert "killed" not in said  # each ended by itself, in time
