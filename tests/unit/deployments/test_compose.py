"""The compose file says what the native stack does: versions, ports, settings, probes; and it has no password."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from tests.support.deployments import (
    DEPLOYMENTS,
    SERVICES,
    STOP_SECONDS,
    assignments,
    is_there,
    load_yaml,
    secret_names,
    stack_settings,
    unknown_variables,
)
from tests.support.repository import text

FILE = DEPLOYMENTS / "compose.yaml"
NATIVE = DEPLOYMENTS / "native"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")
SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|AUTH_STRING|CONNECTION_URL|RABBITMQ__URL")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Build(_Strict):
    context: str
    dockerfile: str
    target: str
    args: dict[str, str] = {}


class _Healthcheck(_Strict):
    test: list[str]
    interval: str
    timeout: str
    retries: int
    start_period: str


class _Limits(_Strict):
    cpus: str
    memory: str


class _Service(_Strict):
    """The part of the format that we use; Compose ignores nothing either, but it is not here to say so."""

    image: str
    build: _Build | None = None
    command: list[str] = []
    hostname: str | None = None
    environment: dict[str, str] = {}
    env_file: list[str | dict[str, str | bool]] = []
    volumes: list[str] = []
    ports: list[str] = []
    networks: list[str]
    depends_on: dict[str, dict[str, str]] = {}
    healthcheck: _Healthcheck
    deploy: dict[str, dict[str, dict[str, str]]]
    restart: str
    init: bool
    security_opt: list[str]
    logging: dict[str, Any]
    read_only: bool = False
    tmpfs: list[str] = []
    cap_drop: list[str] = []
    stop_grace_period: str = "10s"
    stop_signal: str = "SIGTERM"

    @property
    def limits(self) -> _Limits:
        return _Limits.model_validate(self.deploy["resources"]["limits"])

    def texts(self) -> Iterator[str]:
        """Every text in it."""
        yield from _texts(self.model_dump())


class _Compose(_Strict):
    name: str
    services: dict[str, _Service]
    networks: dict[str, None]
    volumes: dict[str, None]
    container: Any = Field(None, alias="x-container")
    service: Any = Field(None, alias="x-service")
    data: Any = Field(None, alias="x-data")
    prefect: Any = Field(None, alias="x-prefect")
    healthcheck: Any = Field(None, alias="x-healthcheck")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


@cache
def compose() -> _Compose:
    return _Compose.model_validate(load_yaml(FILE)[0])


services = pytest.mark.parametrize("name", load_yaml(FILE)[0]["services"])
ours = pytest.mark.parametrize("name", [*SERVICES, "prefect"])


def test_it_has_every_server_and_service_of_the_native_stack() -> None:
    helpers = {"stack", "apt-install"}
    scripts = {path.name for path in Path(NATIVE).iterdir() if not path.suffix} - helpers
    assert set(compose().services) == scripts


def test_images_are_pinned_to_a_release_and_as_in_the_native_stack() -> None:
    versions = {name: service.image.rpartition(":")[2] for name, service in compose().services.items()}
    assert all(re.search(r"\d+\.\d+", version) for version in versions.values()), versions
    assert versions["elasticsearch"] == stack_settings()["SYNTHMILL_STACK_ELASTIC_VERSION"]
    assert compose().services["prefect"].image == compose().services["worker"].image  # the lock's Prefect


def test_what_a_variable_falls_back_to_is_the_native_setting() -> None:
    found = {match for service in compose().services.values() for part in service.texts() for match in _fallbacks(part)}
    assert {name for name, _ in found} >= {name for name in stack_settings() if name.endswith("_PORT")} - {
        "SYNTHMILL_STACK_WORKER_PORT",  # monitoring: asked inside the container
        "SYNTHMILL_STACK_CONSUMER_PORT",
        "SYNTHMILL_STACK_FLOWS_PORT",
    }
    assert dict(found) == {name: stack_settings()[name] for name, _ in found}


def _fallbacks(part: str) -> Iterator[tuple[str, str]]:
    for name, how, value in VARIABLE.findall(part):
        if how == "-":
            yield name, value


def test_ports_are_published_on_the_loopback_interface_alone() -> None:
    published = {name: port for name, service in compose().services.items() for port in service.ports}
    assert published
    assert {name: port for name, port in published.items() if not port.startswith("127.0.0.1:${")} == {}


def test_settings_files_are_those_of_the_native_scripts() -> None:
    mounted = {
        name: Path(volume.split(":")[0]).name
        for name, service in compose().services.items()
        for volume in service.volumes
        if volume.startswith("./")
    }
    assert mounted == {
        "rabbitmq": "rabbitmq.conf",
        "elasticsearch": "elasticsearch.yml",
        "gateway": "gateway.yaml",
    }
    assert all(file in text(NATIVE / name) for name, file in mounted.items())
    assert compose().services["prefect"].env_file == ["settings/prefect.env"]
    assert "prefect.env" in text(NATIVE / "prefect")


def test_every_file_that_it_names_is_there() -> None:
    named = [v.split(":")[0] for service in compose().services.values() for v in service.volumes if v.startswith("./")]
    named += [file for service in compose().services.values() for file in service.env_file if isinstance(file, str)]
    assert [path for path in named if not is_there(DEPLOYMENTS / path)] == []


@services
def test_it_asks_each_whether_it_is_well_limits_it_and_starts_it_again(name: str) -> None:
    service = compose().services[name]
    assert service.healthcheck.test[0] in {"CMD", "CMD-SHELL"}
    assert float(service.limits.cpus) > 0
    assert re.fullmatch(r"\d+[mg]", service.limits.memory)
    assert service.restart == "unless-stopped"
    assert service.security_opt == ["no-new-privileges:true"]


PROBES = {
    "rabbitmq": "check_port_listener",
    "elasticsearch": "_cluster/health?wait_for_status=yellow&timeout=1s",
    "minio": "/minio/health/ready",
    "postgres": "pg_isready",
    "prefect": "/api/health",
}


@pytest.mark.parametrize("name", PROBES)
def test_a_server_is_asked_as_the_native_script_asks(name: str) -> None:
    assert PROBES[name] in " ".join(compose().services[name].healthcheck.test)
    assert PROBES[name] in text(NATIVE / name)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_asked_at_the_port_where_it_listens(name: str) -> None:
    service = compose().services[name]
    options = dict(zip(service.command, service.command[1:], strict=False))
    port = options.get("--port") or service.environment["SYNTHMILL_MONITORING__PORT"]
    assert service.healthcheck.test == ["CMD", "ready", port]
    assert all(published.endswith(f":{port}") for published in service.ports)


@ours
def test_a_service_of_ours_may_do_little_and_has_time_to_stop(name: str) -> None:
    service = compose().services[name]
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert int(service.stop_grace_period.removesuffix("s")) >= STOP_SECONDS
    assert any("/tmp" in place for place in [*service.tmpfs, *service.volumes])


@ours
def test_a_service_of_ours_is_given_variables_that_it_reads(name: str) -> None:
    assert unknown_variables(iter(compose().services[name].environment)) == []


def test_prefects_settings_are_known_to_prefect() -> None:
    assert unknown_variables(iter(assignments(DEPLOYMENTS / "settings" / "prefect.env"))) == []


def test_a_service_waits_for_what_it_needs_until_that_is_well() -> None:
    waits = {name: service.depends_on for name, service in compose().services.items()}
    conditions = {how["condition"] for needed in waits.values() for how in needed.values()}
    assert conditions == {"service_healthy"}
    assert {needed for service in waits.values() for needed in service} <= set(waits)
    assert set(waits["consumer"]) == {"rabbitmq", "elasticsearch", "minio", "gateway"}


def test_hosts_that_services_are_given_are_services_on_a_common_network() -> None:
    address = re.compile(r"(?:://(?:[^@/]+@)?|^)([a-z]+):\d+")
    for service in compose().services.values():
        for variable, value in service.environment.items():
            for host in address.findall(VARIABLE.sub("x", value)):
                assert set(service.networks) & set(compose().services[host].networks), f"{variable}: {host}"


def test_the_gateway_reaches_no_server_and_the_consumer_alone_reaches_the_gateway() -> None:
    on = {name for name, service in compose().services.items() if "models" in service.networks}
    assert compose().services["gateway"].networks == ["models"]
    assert on == {"gateway", "consumer"}


@services
def test_a_secret_comes_from_the_environment_and_has_no_default(name: str) -> None:
    for variable, value in compose().services[name].environment.items():
        if SECRET_NAME.search(variable):
            given = VARIABLE.findall(value)
            assert [how for _, how, _ in given] == ["?"], variable
            assert {secret for secret, _, _ in given} <= secret_names()


def test_every_secret_that_is_made_is_asked_for_and_none_stands_in_the_example() -> None:
    asked = {
        match[0]
        for service in compose().services.values()
        for part in service.texts()
        for match in VARIABLE.findall(part)
        if match[1] == "?"
    }
    example = assignments(DEPLOYMENTS / ".env.example")
    assert asked == secret_names() == set(example)
    assert set(example.values()) == {""}


def test_volumes_and_networks_are_those_that_are_used() -> None:
    volumes = {v.split(":")[0] for service in compose().services.values() for v in service.volumes}
    assert {volume for volume in volumes if not volume.startswith("./")} == set(compose().volumes)
    assert {net for service in compose().services.values() for net in service.networks} == set(compose().networks)
