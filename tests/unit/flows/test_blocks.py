"""Blocks: light to import, secrets masked and never with a default, settings as the services take them."""

import subprocess
import sys

import pytest
from pydantic import SecretStr

from synthmill.errors import SynthmillError, UserError
from synthmill_flows import blocks
from synthmill_flows.blocks.base import ServerBlock
from synthmill_flows.pool.apply import webhooks

ALL: tuple[type[ServerBlock], ...] = (
    blocks.RabbitMQBroker,
    blocks.ElasticsearchStore,
    blocks.MinioBucket,
    blocks.LlmGateway,
    blocks.SynthmillApi,
)
SECRET = "hunter2-hunter2"
each = pytest.mark.parametrize("block", ALL)


def a_broker() -> blocks.RabbitMQBroker:
    return blocks.RabbitMQBroker(url=SecretStr(f"amqp://me:{SECRET}@127.0.0.1:1/"), prefix="mine.")


def test_importing_the_blocks_loads_no_client_of_a_server() -> None:
    code = (
        "import sys, synthmill_flows.blocks; "
        "print([name for name in ('aio_pika', 'elasticsearch', 'minio', 'litellm') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@each
def test_a_block_has_a_name_a_description_and_publishes_no_secret_as_a_default(block: type[ServerBlock]) -> None:
    assert block.get_block_type_slug().startswith("synthmill-")
    assert block.get_description()
    schema = block.model_json_schema()
    assert schema["secret_fields"]
    for name in schema["secret_fields"]:
        assert schema["properties"][name].get("default") is None


def test_a_secret_is_masked_wherever_the_block_is_shown() -> None:
    shown = (repr(a_broker()), str(a_broker().model_dump()), a_broker().model_dump_json())
    assert [text for text in shown if SECRET in text] == []


def test_a_block_gives_the_settings_that_services_take() -> None:
    settings = a_broker().settings()
    assert (settings.url.password, settings.prefix) == (SECRET, "mine.")
    bucket = blocks.MinioBucket(access_key=SecretStr("a"), secret_key=SecretStr(SECRET), bucket="mine")
    found = bucket.settings()
    assert (found.bucket, found.secret_key) == ("mine", SecretStr(SECRET))


def test_from_env_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SYNTHMILL_GATEWAY__URL", "SYNTHMILL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="SYNTHMILL_GATEWAY__URL"):
        blocks.LlmGateway.from_env()
    with pytest.raises(UserError, match="SYNTHMILL_API_KEY"):
        blocks.SynthmillApi.from_env()


async def test_a_check_tells_that_nobody_listens() -> None:
    with pytest.raises(SynthmillError):
        await a_broker().check()
    with pytest.raises(SynthmillError):
        await blocks.LlmGateway(url="http://127.0.0.1:1/v1").check()


def test_webhooks_of_automations_say_that_they_send_json_and_are_made_as_far_as_the_environment_names_them() -> None:
    told = {"SYNTHMILL_API_URL": "http://127.0.0.1:1", "SYNTHMILL_API__WEBHOOK_TOKEN": SECRET}
    both = webhooks({**told, "SYNTHMILL_NOTIFY_URL": "http://127.0.0.1:2/hook"})
    assert {name: hook.url.get_secret_value() for name, hook in both.items()} == {
        "synthmill-api": "http://127.0.0.1:1/internal/prefect/run-ended",
        "synthmill-notify": "http://127.0.0.1:2/hook",
    }
    headers = {name: hook.headers.get_secret_value() for name, hook in both.items()}
    assert {each["Content-Type"] for each in headers.values()} == {"application/json"}
    assert headers["synthmill-api"]["Authorization"] == f"Bearer {SECRET}"
    assert webhooks({"SYNTHMILL_API_URL": "http://127.0.0.1:1"}) == {}
