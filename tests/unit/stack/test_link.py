"""The broker's address has no default, for it would hold a password that everybody knows."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import AmqpDsn

from synthmill.errors import UserError
from synthmill.settings import RabbitSettings
from synthmill.stack.rabbitmq.link import Link


@pytest.mark.parametrize("url", [None, "amqp://mq:5672/", "amqp://user@mq:5672/", "amqps://:secret@mq/"])
def test_an_address_without_user_and_password_is_refused_by_its_variable(url: str | None) -> None:
    settings = RabbitSettings(url=None if url is None else AmqpDsn(url))
    with pytest.raises(UserError, match=r"SYNTHMILL_RABBITMQ__URL (is not set|has no user or no password)") as refused:
        Link(settings, "test")
    assert "secret" not in str(refused.value)


def test_a_service_on_the_stack_without_the_brokers_address_says_which_variable_it_wants(tmp_path: Path) -> None:
    keys = {"SYNTHMILL_MINIO__ACCESS_KEY": "a", "SYNTHMILL_MINIO__SECRET_KEY": "b"}
    command = [sys.executable, "-m", "synthmill_worker"]
    environment = {"SYNTHMILL_PROFILE": "stack", "PYTHONPATH": ":".join(sys.path), **keys}
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "SYNTHMILL_RABBITMQ__URL is not set" in ended.stderr
