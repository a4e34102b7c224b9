"""Imports go one way: api, worker, flows and gateway use core, core uses schemas, nobody looks sideways or up.

Only the command line, which puts the parts together, may import from above, and only when a command needs it.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import text, tree, with_suffix

SHIPPED = tomllib.loads(text(Path("pyproject.toml")))["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PACKAGES = {Path(folder).name: folder for folder in SHIPPED}
BELOW = {"synthmill_schemas": set[str](), "synthmill": {"synthmill_schemas"}}
SERVICES = [package for package in PACKAGES if package not in BELOW]
LATE = ["prefect", "litellm", "great_expectations", "pandera", "polars", "pyarrow", "fastapi", *SERVICES]
COMPOSES = Path("core/synthmill/cli")


def imported_packages(path: Path) -> Iterator[tuple[str, int]]:
    """Top-level names that a file imports, with the line, imports inside functions included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.split(".")[0], node.lineno


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_packages_below_it(package: str) -> None:
    sources = [path for path in with_suffix(".py") if path.is_relative_to(PACKAGES[package])]
    allowed = BELOW.get(package, set(BELOW)) | {package}
    wrong = [
        f"{path}:{line} imports {name}"
        for path in sources
        for name, line in imported_packages(path)
        if name in PACKAGES and name not in allowed and not path.is_relative_to(COMPOSES)
    ]
    assert sources, f"no files of {package} were found"
    assert wrong == []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_absolute(package: str) -> None:
    sources = [path for path in with_suffix(".py") if path.is_relative_to(PACKAGES[package])]
    relative = [
        f"{path}:{node.lineno}"
        for path in sources
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


def test_help_imports_neither_a_heavy_library_nor_a_service() -> None:
    program = (
        "import sys\n"
        "from synthmill.cli import main\n"
        "sys.argv = ['synthmill', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', [name for name in {LATE!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"
