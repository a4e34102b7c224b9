"""From `gateway.yaml` to its typed form, or all its faults at once, each with its line and what to do."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from synthmill.errors import UserError
from synthmill.recipes.errors import Fault, Found, dotted
from synthmill.recipes.errors import Path as Place
from synthmill.recipes.plain_words import explained, suggestion
from synthmill.recipes.reading import Unreadable, read_yaml
from synthmill_gateway.catalog.checks import faults
from synthmill_gateway.catalog.file import GatewayFile, Limits, Model, Price, Provider

_INNER: Mapping[str, type[BaseModel]] = {"limits": Limits, "price": Price}


class FileInvalid(UserError):
    """The file cannot be used; the text lists all its faults."""

    def __init__(self, source: str, faults: Iterable[Fault]) -> None:
        self.faults = list(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"{source} has {count}:\n" + "\n".join(f"  {fault}" for fault in self.faults))


class Loaded:
    """A file that can be used, and where its parts stand, for faults that are found later."""

    def __init__(self, source: str, file: GatewayFile, lines: Mapping[Place, int]) -> None:
        self.source = source
        self.file = file
        self._lines = lines

    def refuse(self, found: Iterable[Found]) -> None:
        """Raises FileInvalid if anything was found."""
        if placed := _placed(found, self._lines):
            raise FileInvalid(self.source, placed)


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Reads and checks the file; paths in it are relative to where the gateway was started. Raises FileInvalid."""
    source = str(path)
    try:
        located = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "Name a readable YAML file by --config or SYNTHMILL_GATEWAY__FILE."
        raise FileInvalid(source, [Fault("the file", f"cannot be read: {reason}", hint)]) from error
    except Unreadable as error:
        raise FileInvalid(source, _placed(error.found, error.lines)) from error
    try:
        file = GatewayFile.model_validate({} if located.data is None else located.data)
    except ValidationError as error:
        found = [_found(detail) for detail in error.errors(include_url=False)]
        raise FileInvalid(source, _placed(found, located.lines)) from error
    loaded = Loaded(source, file, located.lines)
    loaded.refuse(faults(file, environment))
    return loaded


def _found(detail: ErrorDetails) -> Found:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        return Found(path, f"there is no {path[-1]!r} here", suggestion(str(path[-1]), _known(path)))
    if detail["type"] == "missing":
        return Found(path, "it is missing", "Add it; docs/gateway.md has an example.")
    message, hint = explained(detail)
    return Found(path, message, hint)


def _known(path: Place) -> list[str]:
    if len(path) == 1:
        return list(GatewayFile.model_fields)
    outer = Provider if path[0] == "providers" else Model
    return list(_INNER.get(str(path[-2]), outer).model_fields)


def _placed(found: Iterable[Found], lines: Mapping[Place, int]) -> list[Fault]:
    faults = [Fault(dotted(one.path) or "the file", one.message, one.hint, _line(one.path, lines)) for one in found]
    return sorted(faults, key=lambda fault: fault.line or 0)


def _line(path: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of the path, or of what holds it."""
    return next((lines[path[:length]] for length in range(len(path), -1, -1) if path[:length] in lines), None)
