"""The Dockerfile is built from what is in the repository, from pinned images, and runs as nobody in particular."""

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache

import pytest

from tests.support.deployments import DEPLOYMENTS, is_there, load_yaml, stack_settings
from tests.support.repository import text

FINAL = ("synthmill", "consumer", "minio")


@dataclass
class Stage:
    """One stage: where it begins, and its instructions."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        """The arguments of every such instruction."""
        return [rest for given, rest in self.instructions if given == word]


@cache
def stages() -> dict[str, Stage]:
    """By name, in their order; a stage without a name is a fault."""
    found: dict[str, Stage] = {}
    lines = text(DEPLOYMENTS / "Dockerfile").replace("\\\n", " ").splitlines()
    for line in lines:
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\w+)", rest).groups()  # type: ignore[union-attr]
            latest = found.setdefault(name, Stage(base))
        else:
            latest.instructions.append((word, re.sub(r"\s+", " ", rest)))
    return found


def copies(stage: Stage) -> list[tuple[str | None, list[str]]]:
    """What it copies: from which stage, None for the repository, and the paths."""
    found = []
    for rest in stage.of("COPY"):
        words = rest.split()
        origin = next((w.removeprefix("--from=") for w in words if w.startswith("--from=")), None)
        found.append((origin, [word for word in words if not word.startswith("--")][:-1]))
    return found


def test_every_path_that_is_copied_exists_and_docker_sees_it() -> None:
    allowed = {line[1:] for line in text(DEPLOYMENTS.parent / ".dockerignore").splitlines() if line.startswith("!")}
    paths = [path for stage in stages().values() for origin, paths in copies(stage) if origin is None for path in paths]
    assert paths
    assert [path for path in paths if not is_there(path)] == []
    assert [path for path in paths if not any(f"{path}/".startswith(f"{top}/") for top in allowed)] == []


def test_stages_copy_from_earlier_stages() -> None:
    names = list(stages())
    for name, stage in stages().items():
        assert {origin for origin, _ in copies(stage) if origin} <= set(names[: names.index(name)])


def test_images_are_pinned() -> None:
    bases = {stage.base for stage in stages().values()}
    assert [base for base in bases if not re.search(r":\d+\.\d+|:bookworm-slim$", base)] == []


@pytest.mark.parametrize("name", FINAL)
def test_it_runs_as_a_user_without_rights_and_starts_a_program(name: str) -> None:
    assert stages()[name].of("USER") == ["10001:10001"]
    assert [word for word, _ in stages()[name].instructions][-2:] == ["USER", "CMD"]


@pytest.mark.parametrize("name", FINAL)
def test_what_is_built_with_compilers_is_copied_out_of_their_image(name: str) -> None:
    assert not re.match("rust|golang", stages()[name].base)
    assert any(origin for origin, _ in copies(stages()[name]))


def test_compilers_and_python_are_those_that_the_project_asks_for() -> None:
    cargo = tomllib.loads(text(DEPLOYMENTS.parent / "consumer" / "Cargo.toml"))["package"]
    assert stages()["rust"].base.startswith(f"rust:{cargo['rust-version']}")
    assert stages()["wheels"].base == stages()["synthmill"].base
    assert re.match(r"python:3\.1[123]\.", stages()["synthmill"].base)


def test_every_package_of_the_project_is_in_the_image() -> None:
    project = tomllib.loads(text(DEPLOYMENTS.parent / "pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {path for origin, paths in copies(stages()["wheels"]) if origin is None for path in paths}
    assert {package.split("/")[0] for package in project["packages"]} <= copied


def test_python_packages_are_checked_against_the_lock() -> None:
    (download,) = [run for run in stages()["wheels"].of("RUN") if "pip download" in run]
    assert "--require-hashes --requirement requirements.lock" in download
    assert any("--no-index" in run for run in stages()["wheels"].of("RUN"))


def test_minio_is_checked_against_the_native_stacks_sum() -> None:
    build = load_yaml(DEPLOYMENTS / "compose.yaml")[0]["services"]["minio"]["build"]
    assert {name.partition("=")[0] for name in stages()["go"].of("ARG")} == set(build["args"])
    for name in build["args"]:
        assert stack_settings()[f"SYNTHMILL_STACK_{name}"] in build["args"][name]
    fetch, compile_ = stages()["go"].of("RUN")
    assert '\\"Sum\\": \\"$MINIO_SUM\\"' in fetch
    assert "go build" in compile_


def test_compose_builds_stages_that_exist() -> None:
    services = load_yaml(DEPLOYMENTS / "compose.yaml")[0]["services"].values()
    built = {(s["build"]["context"], s["build"]["dockerfile"], s["build"]["target"]) for s in services if "build" in s}
    assert built == {("..", "deployments/Dockerfile", target) for target in FINAL}
