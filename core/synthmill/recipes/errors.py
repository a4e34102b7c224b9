"""What is wrong with a recipe: every fault at once, each with its place and what to do about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from synthmill.errors import UserError

Path = tuple[str | int, ...]
"""Keys and positions from the top of the recipe, e.g. ("columns", 2, "sampler", "weights")."""


def dotted(path: Path) -> str:
    """The path as a person writes it: columns[2].sampler.weights; the whole recipe is ""."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def child(value: object, part: str | int) -> object:
    """The value below `value` at a key or position; None if there is none."""
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to mend; `line` counts from 1 and is known for YAML."""

    path: str
    message: str
    hint: str
    line: int | None = None

    def __str__(self) -> str:
        place = self.path or "recipe"
        line = f" (line {self.line})" if self.line is not None else ""
        return f"{place}{line}: {self.message}\n    {self.hint}"


class RecipeInvalid(UserError):
    """A recipe that cannot be used; its text lists all faults in the order of the file."""

    def __init__(self, faults: Sequence[Fault], source: str = "the recipe") -> None:
        super().__init__(faults, source)
        self.faults = list(faults)
        self.source = source

    def __str__(self) -> str:
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        return f"{self.source} has {count}:\n" + "\n".join(f"  {fault}" for fault in self.faults)


@dataclass(frozen=True, slots=True)
class Found:
    """A fault as a check reports it, before it is put in order and given its line."""

    path: Path
    message: str
    hint: str


Findings = Iterable[Found]
