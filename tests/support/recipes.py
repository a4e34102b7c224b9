"""Recipes for tests of the compiler and the planner."""

from typing import Any

import pytest

from synthmill.recipes import CompiledRecipe, Fault, RecipeInvalid, compile_recipe

Data = dict[str, Any]

TEXT: Data = {"name": "text", "kind": "llm", "prompt": "Write."}
COLOUR: Data = {"name": "colour", "kind": "sampler", "sampler": {"type": "category", "values": ["red", "blue"]}}


def sampler(name: str, type_: str, **settings: object) -> Data:
    """A sampler column."""
    return {"name": name, "kind": "sampler", "sampler": {"type": type_, **settings}}


def expression(name: str, template: str, **settings: object) -> Data:
    """An expression column."""
    return {"name": name, "kind": "expression", "template": template, **settings}


def llm(name: str, prompt: str = "Write.", **settings: object) -> Data:
    """A column that the model writes."""
    return {"name": name, "kind": "llm", "prompt": prompt, **settings}


def source(name: str, **settings: object) -> Data:
    """A column taken from the input."""
    return {"name": name, "kind": "source", **settings}


def data(*columns: object, **changes: object) -> Data:
    """A recipe of these columns, ten records and a model; a change to None leaves its key out."""
    whole: Data = {
        "version": 1,
        "name": "demo",
        "target": {"records": 10},
        "model": {"route": "offline/fake-1"},
        "columns": list(columns) or [TEXT],
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def compiled(*columns: object, **changes: object) -> CompiledRecipe:
    """The compiled form of `data`."""
    return compile_recipe(data(*columns, **changes))


def faults(whole: object) -> list[Fault]:
    """What is wrong with a recipe; the test fails if nothing is."""
    with pytest.raises(RecipeInvalid) as caught:
        compile_recipe(whole)
    return caught.value.faults


def places(whole: object) -> list[str]:
    """The paths of all faults, in the order they are reported."""
    return [fault.path for fault in faults(whole)]
