"""Prints how long files and functions are, folder by folder: `make figures`.

Python functions are measured by the syntax tree; Rust ones from `fn` to the brace that closes it, tests left out.
"""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("core", "schemas", "api", "worker", "flows", "gateway", "consumer/src", "tests", "consumer/tests")

_RUST_FUNCTION = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?(?:const |async |unsafe )*fn \w+", re.MULTILINE)


def main() -> None:
    """One line a folder."""
    print(f"{'folder':16} {'files':>5} {'lines':>7}   {'file med/p90/max':>18}   {'function med/p90/max':>20}")
    for folder in FOLDERS:
        texts = [path.read_text(encoding="utf-8") for path in sources(folder)]
        if texts:
            lengths = [text.count("\n") for text in texts if text.count("\n") > 3]
            functions = [length for path in sources(folder) for length in function_lengths(path)]
            total = sum(lengths)
            print(f"{folder:16} {len(texts):5} {total:7,}   {spread(lengths):>18}   {spread(functions):>20}")


def sources(folder: str) -> list[Path]:
    """The tracked Python and Rust files of a folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in listed if name.endswith((".py", ".rs")) and (ROOT / name).is_file()]


def function_lengths(path: Path) -> Iterator[int]:
    """Lines of each function of a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1
        return
    code = text.split("#[cfg(test)]")[0]
    for match in _RUST_FUNCTION.finditer(code):
        yield code[match.start() : _closing_brace(code, match.end())].strip("\n").count("\n") + 1


def _closing_brace(code: str, position: int) -> int:
    depth = 0
    for offset in range(position, len(code)):
        if code[offset] == "{":
            depth += 1
        elif code[offset] == "}":
            depth -= 1
            if depth == 0:
                return offset
        elif code[offset] == ";" and depth == 0:
            return offset
    return len(code)


def spread(lengths: Sequence[int]) -> str:
    """Median, 90th percentile and greatest."""
    if not lengths:
        return "-"
    ordered = sorted(lengths)
    return f"{statistics.median(ordered):.0f} / {ordered[int(0.9 * (len(ordered) - 1))]} / {ordered[-1]}"


if __name__ == "__main__":
    main()
