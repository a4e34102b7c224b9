"""The types of fields, asked from the server and kept: once mapped, a field's type stays."""

from collections.abc import Iterable, Mapping

from synthmill.field_paths import checked_path
from synthmill.stack.elastic.client import ElasticClient, NotThere

NUMERIC = frozenset({"long", "double"})
FREE = "flattened"

Types = Mapping[str, frozenset[str]]
"""Path to the types that it has; none when no document can be found by it, several when indexes differ."""


class FieldTypes:
    """What is known of the fields of each target."""

    def __init__(self, client: ElasticClient) -> None:
        self._client = client
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    async def of(self, target: str, paths: Iterable[str]) -> Types:
        """The types of these fields; `UserError` when one is no path."""
        wanted = {checked_path(path) for path in paths}
        unknown = [path for path in wanted if (target, path) not in self._known]
        found = await self._ask(target, unknown) if unknown else {}
        return {path: self._known.get((target, path)) or found.get(path, frozenset()) for path in wanted}

    async def _ask(self, target: str, paths: list[str]) -> Types:
        ancestors = {path: _ancestors(path) for path in paths}
        fields = {name for path in paths for name in (path, *ancestors[path])}
        try:
            answer = await self._client.field_types(target, sorted(fields))
        except NotThere:
            return {}
        found = {path: _types(answer, path, ancestors[path]) for path in paths}
        for path, types in found.items():
            # an alias may get a further index, whose field has another type: one type is only kept where one index is
            if types and not path.startswith("data."):
                self._known[target, path] = types
        return found


def _types(answer: Mapping[str, Mapping[str, object]], path: str, ancestors: list[str]) -> frozenset[str]:
    if path in answer:
        return frozenset(answer[path]) - {"object", "unmapped"}
    free = any(FREE in answer.get(name, ()) for name in ancestors)
    return frozenset({FREE}) if free else frozenset()


def _ancestors(path: str) -> list[str]:
    names = path.split(".")
    return [".".join(names[:depth]) for depth in range(1, len(names))]
