"""The native stack as programs see it: the variables of `stack env`, and settings made of them."""

import os
import shlex
import subprocess
from collections.abc import Mapping

from pydantic import AmqpDsn, HttpUrl, SecretStr

from synthmill.settings import ElasticSettings, MinioSettings, RabbitSettings, Settings
from tests.support.repository import ROOT

SCRIPTS = ROOT / "deployments" / "native"
_OF_SERVERS = ("SYNTHMILL_RABBITMQ__", "SYNTHMILL_ELASTICSEARCH__", "SYNTHMILL_MINIO__")


def variables(**overrides: str) -> dict[str, str]:
    """What `stack env` says; `overrides` choose another stack, as SYNTHMILL_STACK_HOME does."""
    command = [SCRIPTS / "stack", "env"]
    said = subprocess.run(command, env={**os.environ, **overrides}, capture_output=True, text=True, check=True).stdout
    words = [shlex.split(line) for line in said.splitlines()]
    return dict(word.split("=", 1) for _, word in words)


def tell_environment() -> None:
    """Makes the servers of the stack known to this process and its children; what is set already stays."""
    for name, value in variables().items():
        if name.startswith(_OF_SERVERS):
            os.environ.setdefault(name, value)


def settings_from(told: Mapping[str, str]) -> Settings:
    """Where the servers are, and the keys that open them."""
    minio = {name: told[f"SYNTHMILL_MINIO__{name}"] for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")}
    return Settings(
        rabbitmq=RabbitSettings(url=AmqpDsn(told["SYNTHMILL_RABBITMQ__URL"])),
        elasticsearch=ElasticSettings(url=HttpUrl(told["SYNTHMILL_ELASTICSEARCH__URL"])),
        minio=MinioSettings(
            endpoint=minio["ENDPOINT"],
            access_key=SecretStr(minio["ACCESS_KEY"]),
            secret_key=SecretStr(minio["SECRET_KEY"]),
        ),
    )
