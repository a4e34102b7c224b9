"""Data files inside installed packages, found without importing the packages."""

from importlib.metadata import distribution
from pathlib import Path


def packaged(package: str, path: str) -> Path:
    """A file of an installed distribution."""
    found = Path(str(distribution(package).locate_file(path)))
    if not found.is_file():
        raise FileNotFoundError(f"{package} no longer ships {path}; choose another file")
    return found


DIAMONDS = ("pyarrow", "pyarrow/tests/data/parquet/v0.7.1.parquet")
"""Ten diamonds: carat, cut, color, clarity, depth, table, price, x, y, z."""

AIRLINES = (
    "litellm",
    "litellm/proxy/guardrails/guardrail_hooks/litellm_content_filter/competitor_intent/major_airlines.json",
)
"""A JSON array of airlines: id, match, tags."""

NOTES = ("prefect", "prefect/server/database/_migrations/MIGRATION-NOTES.md")
"""A Markdown text."""
