"""The files of deployments/ as data, and every variable that a program of ours or Prefect knows."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from synthmill.cli.commands.settings import rows
from synthmill.settings import Settings
from synthmill_api.config import ApiConfig
from synthmill_gateway.config import GatewayConfig
from tests.support.repository import ROOT, text

DEPLOYMENTS = Path("deployments")
SERVICES = ("api", "worker", "consumer", "gateway", "flows")
"""Synthmill's own."""

STOP_SECONDS = 25
"""Every program of ours ends within this time after SIGTERM."""

_ASSIGNMENT = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)


def assignments(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=value lines."""
    return dict(_ASSIGNMENT.findall(text(path)))


@cache
def stack_settings() -> Mapping[str, str]:
    """Ports, names and versions of the native stack."""
    return assignments(DEPLOYMENTS / "settings" / "stack.env")


@cache
def secret_names() -> frozenset[str]:
    """What `deployments/secrets` makes."""
    listed = text(DEPLOYMENTS / "secrets").partition("NAMES=(")[2].partition(")")[0]
    return frozenset(listed.split())


def load_yaml(path: Path) -> list[Any]:
    """Every document of a YAML file, merge keys resolved."""
    return [document for document in yaml.safe_load_all(text(path)) if document is not None]


@cache
def known_variables() -> frozenset[str]:
    """What any of the programs reads: a name that is not here is misspelt, or nobody's."""
    shared = {name for name, _, _ in rows(Settings())}
    api = {f"SYNTHMILL_API__{name.upper()}" for name in ApiConfig.model_fields}
    gateway = {f"SYNTHMILL_GATEWAY__{name.upper()}" for name in GatewayConfig.model_fields}
    consumer = set(re.findall(r"SYNTHMILL_[A-Z_]+", text(Path("consumer/src/config/help.rs"))))
    return frozenset(shared | api | gateway | consumer | {"SYNTHMILL_NOTIFY_URL", "SYNTHMILL_API_KEY"})


@cache
def known_to_prefect() -> frozenset[str]:
    """Prefect's variables, other spellings included."""
    from prefect.settings import Settings as PrefectSettings  # seconds of CPU
    from prefect.settings.legacy import _get_settings_fields

    return frozenset(_get_settings_fields(PrefectSettings)) | {"DO_NOT_TRACK"}


def unknown_variables(names: Iterator[str]) -> list[str]:
    """Those that no program reads."""
    ours, theirs = known_variables(), known_to_prefect()
    return [name for name in names if name not in (ours if name.startswith("SYNTHMILL_") else theirs)]


def is_there(path: Path | str) -> bool:
    """Whether a file or folder of the repository exists."""
    return (ROOT / path).exists()
