"""What a recipe without faults may still be sorry for: it runs, and may not give what is wanted."""

from collections.abc import Iterator, Mapping

from synthmill.recipes.compiled import CompiledRecipe
from synthmill.recipes.draft import draft_of
from synthmill.recipes.errors import Fault, dotted
from synthmill.recipes.graph import Node, nodes_of
from synthmill_schemas.recipe import LlmColumn, Recipe, SamplerColumn, SourceColumn

_OFFLINE = "offline/"


def cautions(compiled: CompiledRecipe) -> list[Fault]:
    """All of them; none of them keeps a job from running."""
    recipe = compiled.recipe
    nodes = nodes_of(draft_of(recipe))
    return [*_model(recipe), *_unused(nodes), *_prompts(recipe, nodes), *_rows(recipe, compiled)]


def _model(recipe: Recipe) -> Iterator[Fault]:
    if recipe.model is not None and recipe.model.route.startswith(_OFFLINE):
        yield Fault("model.route", "the offline model's words mean nothing", "Name a real model for a real dataset.")


def _unused(nodes: Mapping[str, Node]) -> Iterator[Fault]:
    needed = {name for node in nodes.values() for name in _needs(node)}
    for node in nodes.values():
        if node.column.drop and node.column.name not in needed:
            text = f"column {node.column.name!r} is dropped, and no other column uses it"
            yield Fault(dotted(("columns", node.index)), text, "Use it in a template, keep it, or leave it out.")


def _prompts(recipe: Recipe, nodes: Mapping[str, Node]) -> Iterator[Fault]:
    several = recipe.seeds.records_per_seed > 1
    for node in nodes.values():
        if not isinstance(node.column, LlmColumn):
            continue
        behind = _all_needs(node.column.name, nodes)
        path = dotted(("columns", node.index, "prompt"))
        if not behind:
            text = f"column {node.column.name!r}: its prompt is the same for every record"
            yield Fault(path, text, "Use a source or sampler column in it, or expect duplicates.")
        elif several and not any(isinstance(nodes[name].column, SamplerColumn) for name in behind):
            text = f"column {node.column.name!r}: the records of one seed are all asked for by the same prompt"
            yield Fault(path, text, "Use a sampler column in it, so that they differ.")


def _rows(recipe: Recipe, compiled: CompiledRecipe) -> Iterator[Fault]:
    sources = [index for index, column in enumerate(recipe.columns) if isinstance(column, SourceColumn)]
    if sources and recipe.key is None:
        hint = "Set key to a column that names a row for good, if there is one."
        yield Fault("key", "without a key a changed row counts as a new one", hint)
    if recipe.unique == [] and compiled.generated:
        yield Fault("unique", "records are not checked for duplicates", "Leave it out to have them checked.")


def _needs(node: Node) -> Iterator[str]:
    yield from (need.name for need in node.needs)


def _all_needs(name: str, nodes: Mapping[str, Node]) -> set[str]:
    """The columns that a column rests on, at any distance."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for need in _needs(nodes[waiting.pop()]):
            if need in nodes and need not in found:
                found.add(need)
                waiting.append(need)
    return found
