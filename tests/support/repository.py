"""The repository as files: what is tracked or about to be, and how to read it."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Every file that git tracks or would, relative to the root; deleted ones left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name}
    return tuple(path for path in map(Path, sorted(names)) if (ROOT / path).is_file())


@cache
def folders() -> frozenset[Path]:
    """Every folder that holds such a file."""
    return frozenset(parent for path in files() for parent in path.parents)


def with_suffix(*suffixes: str) -> list[Path]:
    """The files with one of these suffixes."""
    return [path for path in files() if path.suffix in suffixes]


def text(path: Path) -> str:
    """A file's text, by its path from the root."""
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """A Python file's syntax tree."""
    return ast.parse(text(path), filename=str(path))
