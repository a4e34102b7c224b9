"""What the documentation names exists: files, make targets, commands of the program."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from synthmill.cli.registry import COMMANDS
from tests.support.repository import ROOT, files, folders, text, with_suffix

README_LINES = 65  # one screen
ARCHITECTURE_LINES = 130
DECISION_LINES = 50
MADE_BY_RUNNING = (".venv", ".synthmill", ".stack", "out", "target", "dist", "consumer/target")
_FILE_ENDINGS = {".py", ".rs", ".md", ".toml", ".yaml", ".yml", ".json", ".jsonl", ".csv", ".lock"}

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)")
_PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
_COMMAND = re.compile(r"(?:^|[`$;&|]\s*|\s)(make|synthmill) ([a-z][a-z-]*)", re.MULTILINE)

documents = pytest.mark.parametrize("document", with_suffix(".md"), ids=str)


def named_paths(document: Path) -> Iterator[str]:
    """Words in backticks that look like a path, and the targets of links within the repository."""
    prose = _FENCE.sub("", text(document))
    for word in _INLINE.findall(prose):
        if _PATH.fullmatch(word) and _looks_like_a_path(word):
            yield word
    for target in _LINK.findall(prose):
        if "://" not in target:
            yield target


def _looks_like_a_path(word: str) -> bool:
    first = word.split("/")[0]
    at_root = "/" in word and (ROOT / first).exists()
    return at_root or word.endswith("/") or (Path(word).suffix in _FILE_ENDINGS and not word.startswith("*"))


def exists(word: str, document: Path) -> bool:
    """Whether a path is there, from the document's folder, from the root, or as the end of a longer one."""
    if word.startswith(MADE_BY_RUNNING):
        return True
    wanted = word.removesuffix("/").removeprefix("./")
    known = [str(path) for path in (*files(), *folders())]
    places = {wanted, str(document.parent / wanted)}
    return any(path in places or path.endswith("/" + wanted) or fnmatch(path, wanted) for path in known)


@documents
def test_every_path_named_exists(document: Path) -> None:
    assert [word for word in named_paths(document) if not exists(word, document)] == []


def _code(document: Path) -> str:
    whole = text(document)
    return "\n".join(_FENCE.findall(whole) + [f"`{word}`" for word in _INLINE.findall(_FENCE.sub("", whole))])


@cache
def make_targets() -> frozenset[str]:
    """Targets that `make` lists."""
    return frozenset(re.findall(r"^([a-z][a-z-]*):.*##", text(Path("Makefile")), re.MULTILINE))


@cache
def program_commands() -> frozenset[str]:
    """Subcommands of `synthmill`."""
    return frozenset(COMMANDS)


@documents
def test_every_command_named_exists(document: Path) -> None:
    known = {"make": make_targets, "synthmill": program_commands}
    used = set(_COMMAND.findall(_code(document)))
    assert [f"{program} {name}" for program, name in sorted(used) if name not in known[program]()] == []


@pytest.mark.parametrize(
    ("name", "most"), [("README.md", README_LINES), ("ARCHITECTURE.md", ARCHITECTURE_LINES)], ids=str
)
def test_it_stays_short(name: str, most: int) -> None:
    assert text(Path(name)).count("\n") <= most


def test_decisions_stay_short() -> None:
    decisions = [path for path in with_suffix(".md") if path.is_relative_to("docs/decisions")]
    assert decisions
    assert [str(path) for path in decisions if text(path).count("\n") > DECISION_LINES] == []


def layout_names(module: Path) -> Iterator[str]:
    """Files and folders that a package's docstring, or a crate's, lists under `# Layout`."""
    _, _, layout = text(module).partition("# Layout")
    for line in re.split('"""|\n\n', layout)[0].splitlines():
        item = re.match(r"(?://! )?- ((?:`[\w/-]+`(?:, )?)+)", line)
        if item is not None:
            yield from re.findall(r"`([\w-]+)/?`", item[1])


PACKAGES_WITH_LAYOUT = [
    p for p in with_suffix(".py", ".rs") if p.name in {"__init__.py", "lib.rs"} and "# Layout" in text(p)
]


@pytest.mark.parametrize("module", PACKAGES_WITH_LAYOUT, ids=str)
def test_every_part_that_a_layout_lists_is_there(module: Path) -> None:
    parts = list(layout_names(module))
    known = {path.stem for path in files() if path.parent == module.parent} | {
        path.name for path in folders() if path.parent == module.parent
    }
    assert parts
    assert [part for part in parts if part not in known] == []


def test_each_decision_has_a_number_of_its_own_and_tells_it_in_its_title() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("0*.md"))
    numbers = [int(path.name[:4]) for path in decisions]
    assert numbers == list(range(1, len(numbers) + 1))
    titles = [path.read_text().split(".", 1)[0] for path in decisions]
    assert titles == [f"# {number}" for number in numbers]
