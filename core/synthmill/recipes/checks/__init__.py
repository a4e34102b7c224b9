"""What a recipe of right form can still get wrong; each check yields all it finds and stands alone."""

from collections.abc import Iterator, Mapping

from synthmill.recipes.checks import columns, gate, llm, references, samplers, whole
from synthmill.recipes.draft import Draft
from synthmill.recipes.errors import Found
from synthmill.recipes.graph import Node


def all_faults(draft: Draft, nodes: Mapping[str, Node]) -> Iterator[Found]:
    """Everything that can still be checked, in no order."""
    yield from columns.faults(draft)
    yield from references.faults(draft, nodes)
    yield from samplers.faults(draft)
    yield from llm.faults(draft, nodes)
    yield from whole.faults(draft, nodes)
    yield from gate.faults(draft)
