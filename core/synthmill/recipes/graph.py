"""Which column needs which: order of evaluation, cycles, and what waits for the model's answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from synthmill.recipes.draft import AnyColumn, Draft
from synthmill.recipes.templates import Inspection, inspect
from synthmill_schemas.recipe import ExpressionColumn, LlmColumn, SamplerColumn, SubcategorySampler, TimedeltaSampler


@dataclass(frozen=True, slots=True)
class Need:
    """A column named by another one, in `field` of it (dotted below the column)."""

    field: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """A readable column with what it needs; `inspection` is of its template, if it has one."""

    index: int
    column: AnyColumn
    needs: tuple[Need, ...]
    inspection: Inspection | None


def nodes_of(draft: Draft) -> dict[str, Node]:
    """The readable columns by name, in the order of the file; of two with one name the first."""
    nodes: dict[str, Node] = {}
    for name, entry in draft.by_name.items():
        if entry.column is not None:
            nodes[name] = _node(entry.index, entry.column)
    return nodes


def _node(index: int, column: AnyColumn) -> Node:
    match column:
        case ExpressionColumn(template=text):
            return _templated(index, column, "template", text)
        case LlmColumn(prompt=text):
            return _templated(index, column, "prompt", text)
        case SamplerColumn(sampler=SubcategorySampler(of=name)):
            return Node(index, column, (Need(("sampler", "of"), name),), None)
        case SamplerColumn(sampler=TimedeltaSampler(after=name)):
            return Node(index, column, (Need(("sampler", "after"), name),), None)
        case _:
            return Node(index, column, (), None)


def _templated(index: int, column: AnyColumn, field: str, text: str) -> Node:
    inspection = inspect(text)
    needs = tuple(Need((field,), name) for name in sorted(inspection.names))
    return Node(index, column, needs, inspection)


def in_order(nodes: Mapping[str, Node]) -> list[str]:
    """Names so that each comes after what it needs, otherwise as in the file; those of a cycle are left out."""
    done: dict[str, None] = {}
    waiting = list(nodes)
    while True:
        ready = [
            name for name in waiting if all(need.name in done or need.name not in nodes for need in nodes[name].needs)
        ]
        if not ready:
            return list(done)
        done[ready[0]] = None
        waiting.remove(ready[0])


def late_names(nodes: Mapping[str, Node]) -> frozenset[str]:
    """llm columns, and all that needs one of them at any remove."""
    late = {name for name, node in nodes.items() if isinstance(node.column, LlmColumn)}
    while True:
        more = {name for name, node in nodes.items() if name not in late and any(n.name in late for n in node.needs)}
        if not more:
            return frozenset(late)
        late |= more


def cycles(nodes: Mapping[str, Node]) -> Iterator[list[str]]:
    """Each cycle once, from its first column in the file back to it: [a, b, a]."""
    left = _stuck(nodes)
    while left:
        cycle = _walk(left)
        yield cycle
        for name in cycle:
            left.pop(name, None)
        left = _stuck(left)


def _stuck(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Those that are in a circle or wait for one."""
    free = set(in_order(nodes))
    return {name: node for name, node in nodes.items() if name not in free}


def _walk(nodes: Mapping[str, Node]) -> list[str]:
    """Every node here needs another one of these, so following needs comes back sooner or later."""
    trail: list[str] = [next(iter(nodes))]
    while True:
        following = next(need.name for need in nodes[trail[-1]].needs if need.name in nodes)
        if following in trail:
            return _from_first([*trail[trail.index(following) :]], nodes)
        trail.append(following)


def _from_first(members: Sequence[str], nodes: Mapping[str, Node]) -> list[str]:
    first = min(members, key=lambda name: nodes[name].index)
    start = members.index(first)
    return [*members[start:], *members[:start], first]


def path_to_llm(name: str, nodes: Mapping[str, Node]) -> list[str]:
    """From `name` to the nearest llm column that it needs: [name, ..., llm]; empty if there is none."""
    trails = [[need.name] for need in nodes[name].needs if need.name in nodes]
    seen: set[str] = set()
    while trails:
        trail = trails.pop(0)
        node = nodes[trail[-1]]
        if isinstance(node.column, LlmColumn):
            return [name, *trail]
        if trail[-1] not in seen:
            seen.add(trail[-1])
            trails.extend([*trail, need.name] for need in node.needs if need.name in nodes)
    return []
