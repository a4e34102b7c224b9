"""The two consoles: results go to stdout, everything said on the way to stderr."""

import json
import sys
from typing import TextIO

from rich.console import Console, RenderableType
from rich.theme import Theme

THEME = Theme(
    {
        "quiet": "dim",
        "good": "green",
        "doubt": "yellow",
        "bad": "red",
        "name": "bold",
        "bar.complete": "cyan",
        "bar.finished": "green",
        "bar.pulse": "cyan",
    }
)

_WIDE = 1_000  # into a file or a pipe nothing is folded, so that lines can be searched


def out() -> Console:
    """Stdout, for what the command was run for."""
    return _console(sys.stdout)


def err() -> Console:
    """Stderr, for progress, notices and errors."""
    return _console(sys.stderr)


def show(renderable: RenderableType) -> None:
    """A result on stdout; in a file or a pipe without the blanks that fill lines up on a terminal."""
    console = out()
    if console.is_terminal:
        console.print(renderable, soft_wrap=True)
        return
    with console.capture() as capture:
        console.print(renderable, soft_wrap=True)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
    sys.stdout.flush()


def print_json(value: object, *, indent: int | None = 2) -> None:
    """One JSON value on stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, default=str) + "\n")
    sys.stdout.flush()


def _console(stream: TextIO) -> Console:
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows "?" instead of failing
    width = None if stream.isatty() else _WIDE
    return Console(file=stream, theme=THEME, width=width, highlight=False, markup=False, emoji=False)
