"""Where the declarations for a Prefect server lie: beside the sources, or in the installed package."""

from pathlib import Path

from synthmill.errors import UserError

_PACKAGED = Path(__file__).parent / "declared"
_REPOSITORY = Path(__file__).parents[3]


def prefect_file() -> Path:
    """`prefect.yaml`."""
    return _found("prefect.yaml", _REPOSITORY / "prefect.yaml")


def automations_file() -> Path:
    """`automations.yaml`."""
    return _found("automations.yaml", _REPOSITORY / "deployments" / "automations.yaml")


def _found(name: str, source: Path) -> Path:
    for path in (source, _PACKAGED / name):
        if path.is_file():
            return path
    raise UserError(f"{name} is missing from this installation: install synthmill anew")
