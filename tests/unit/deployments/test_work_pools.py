"""Templates of Docker and Kubernetes work pools: every placeholder has its variable, the image is this project's."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.deployments import DEPLOYMENTS, load_yaml
from tests.support.repository import text

each = pytest.mark.parametrize("name", ["docker", "kubernetes"])


def template(name: str) -> dict[str, Any]:
    return dict(json.loads(text(DEPLOYMENTS / "work-pools" / f"{name}.json")))


@each
def test_every_placeholder_has_a_variable_and_every_variable_a_place(name: str) -> None:
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template(name)["job_configuration"])))
    assert used == set(template(name)["variables"]["properties"])


@each
def test_a_run_starts_as_prefect_yaml_says_in_this_projects_image(name: str) -> None:
    properties = template(name)["variables"]["properties"]
    version = tomllib.loads(text(Path("pyproject.toml")))["project"]["version"]
    deployment = load_yaml(Path("prefect.yaml"))[0]["deployments"][0]
    assert properties["command"]["default"] == deployment["work_pool"]["job_variables"]["command"]
    assert properties["image"]["default"] == f"synthmill:{version}"
    assert all(properties[variable]["description"] for variable in properties)


def test_a_pod_of_a_run_may_do_as_little_as_a_service() -> None:
    spec = template("kubernetes")["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    service = load_yaml(DEPLOYMENTS / "kubernetes" / "flows.yaml")[0]["spec"]["template"]["spec"]
    assert spec["securityContext"] == service["securityContext"]
    assert spec["containers"][0]["securityContext"] == service["containers"][0]["securityContext"]
