"""What may stand in a file, and how long it may be."""

import ast
import os
import re
from pathlib import Path

import pytest

from tests.support.repository import ROOT, files, text, tree, with_suffix

MOST_LINES = 400
MOST_FUNCTION_LINES = 40
CODE = (".py", ".rs")
GENERATED = {"requirements.lock", "Cargo.lock"}
BINARY = {".parquet", ".pdf", ".png", ".gz"}

# Joined here, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a registry's host": re.compile(r"pypi\.{0}|pythonhosted\.{0}|static\.crates\.io|registry\.npmjs".format("org")),
    "a path of one machine": re.compile("|".join(["/" + "work/(main|shared)", "/" + "root/", "/" + "home/[a-z]+/"])),
    "an unfinished place": re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" * 3]) + r"\b"),
    "a conflict marker": re.compile("^(" + "<" * 7 + "|" + ">" * 7 + ")", re.MULTILINE),
    "a key": re.compile(r"\bsk-[A-Za-z0-9]{20,}|\bAKIA[A-Z0-9]{16}\b|BEGIN [A-Z ]*PRIVATE " + "KEY"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    found = [
        f"{path}: {match.group()!r}"
        for path in files()
        if path.suffix not in BINARY and path.name not in GENERATED
        for match in FORBIDDEN[what].finditer(text(path))
    ]
    assert found == []


def test_lock_files_name_no_index() -> None:
    assert "://" not in text(Path("requirements.lock"))
    cargo = [line for path in files() if path.name == "Cargo.lock" for line in text(path).splitlines()]
    sources = {line for line in cargo if line.startswith("source = ")}
    assert sources <= {'source = "registry+https://github.com/rust-lang/crates.io-index"'}


def test_no_code_file_is_longer_than_the_limit() -> None:
    long = {str(path): lines for path in with_suffix(*CODE) if (lines := text(path).count("\n")) > MOST_LINES}
    assert long == {}


def test_no_python_function_outside_tests_is_longer_than_the_limit() -> None:
    long = {
        f"{path}:{node.lineno} {node.name}": length
        for path in with_suffix(".py")
        if path.parts[0] != "tests"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    }
    assert long == {}


def test_every_python_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in with_suffix(".py") if text(path).strip() and ast.get_docstring(tree(path)) is None]
    assert silent == []


def test_scripts_are_executable_and_say_by_what() -> None:
    scripts = [path for path in files() if path.parts[0] in {"scripts", ".ci"} and not path.suffix]
    wrong = [str(p) for p in scripts if not os.access(ROOT / p, os.X_OK) or not text(p).startswith("#!")]
    assert scripts
    assert wrong == []
