"""Patterns of the input's fields: the compiler takes what the engine takes that rows are checked with later."""

import polars as pl
import pytest

from synthmill.recipes.schemas import runs_in_linear_time

TAKEN = [r"^[A-Z]{2}-\d{4}$", r"\p{L}+", r"(?i)x", r"(?P<n>a)", r"a++", r"\bword\b", r"\A\z", r"[^]]", r"\u00e9", "é"]
REFUSED = [
    r"(?=a)b",
    r"(?!x)y",
    r"(?<=a)b",
    r"(?<!a)b",
    r"(a)\1",
    r"a\Z",
    r"(?>a)",
    r"(?(1)a|b)",
    r"a{,3}",
    "{",
    "(",
    r"\d{1000}{1000}",
]


@pytest.mark.parametrize(("pattern", "taken"), [*((p, True) for p in TAKEN), *((p, False) for p in REFUSED)])
def test_compiler_and_engine_agree(pattern: str, taken: bool) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
        by_engine = True
    except pl.exceptions.ComputeError:
        by_engine = False

    assert runs_in_linear_time(pattern) == by_engine == taken
