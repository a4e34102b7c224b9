"""Templates, names that columns use of each other, and cycles."""

from collections.abc import Iterator, Mapping

from synthmill.recipes.draft import Draft
from synthmill.recipes.errors import Found
from synthmill.recipes.graph import Node, cycles
from synthmill.recipes.plain_words import suggestion
from synthmill.recipes.record_schema import PERSON
from synthmill_schemas.recipe import LlmColumn, PersonSampler, SamplerColumn

MAX_SHOWN = 12
"""Columns of a circle that are named."""


def faults(draft: Draft, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Faults of templates, of names used, and circles."""
    for node in nodes.values():
        yield from _template_faults(node)
        yield from _unknown_faults(node, draft)
        yield from _member_faults(node, nodes)
    for cycle in cycles(nodes):
        path = ("columns", nodes[cycle[0]].index)
        if len(cycle) == 2:
            yield Found(path, "it needs itself", "A column can only use other columns.")
        else:
            shown = cycle if len(cycle) <= MAX_SHOWN else [*cycle[: MAX_SHOWN - 2], "...", cycle[-1]]
            yield Found(path, f"columns need each other in a circle: {' -> '.join(shown)}", "Break the circle.")


def _template_field(node: Node) -> str:
    return "prompt" if isinstance(node.column, LlmColumn) else "template"


def _template_faults(node: Node) -> Iterator[Found]:
    for fault in node.inspection.faults if node.inspection else ():
        yield Found(("columns", node.index, _template_field(node)), fault.message, fault.hint)


def _unknown_faults(node: Node, draft: Draft) -> Iterator[Found]:
    known = draft.by_name
    for need in node.needs:
        if need.name not in known and "columns" not in draft.broken:
            others = [name for name in known if name != node.column.name]
            message = f"there is no column {need.name!r}"
            yield Found(("columns", node.index, *need.field), message, suggestion(need.name, others))


def _member_faults(node: Node, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Members of columns whose members are known: persons, and llm columns with an object schema."""
    for owner, member in sorted(node.inspection.members if node.inspection else ()):
        members = _members(nodes[owner]) if owner in nodes else None
        if members is not None and member not in members:
            path = ("columns", node.index, _template_field(node))
            yield Found(path, f"{owner!r} has no {member!r}", suggestion(member, members))


def _members(node: Node) -> list[str] | None:
    match node.column:
        case SamplerColumn(sampler=PersonSampler()):
            return list(PERSON["properties"])
        case LlmColumn(schema_={"type": "object", "properties": dict() as properties}):
            return list(properties)
        case _:
            return None
