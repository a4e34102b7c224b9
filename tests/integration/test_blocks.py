"""Blocks connect to the real servers, and say so when a key is wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from synthmill.errors import SynthmillError
from synthmill_flows import blocks
from tests.support import stack

pytestmark = [pytest.mark.integration, pytest.mark.stack]


@pytest.fixture
async def bucket(tmp_path: Path) -> AsyncIterator[blocks.MinioBucket]:
    """A bucket of the test's own."""
    location = str(tmp_path)
    async with stack.minio(location):
        yield blocks.MinioBucket.from_env().model_copy(update={"bucket": stack.place(location)})
    await stack.remove_bucket(location)


async def test_blocks_of_this_installation_connect(bucket: blocks.MinioBucket) -> None:
    await blocks.RabbitMQBroker.from_env().check()
    await blocks.ElasticsearchStore.from_env().model_copy(update={"prefix": "nobodys"}).check()
    await bucket.check()


async def test_a_wrong_password_is_told(bucket: blocks.MinioBucket) -> None:
    right = blocks.RabbitMQBroker.from_env().url.get_secret_value()
    password = blocks.RabbitMQBroker.from_env().settings().url.password
    assert password
    with pytest.raises(SynthmillError):
        await blocks.RabbitMQBroker(url=SecretStr(right.replace(password, "wrong"))).check()
    wrong = bucket.model_copy(update={"secret_key": SecretStr("wrong-wrong-wrong")})
    with pytest.raises(SynthmillError):
        await wrong.check()
