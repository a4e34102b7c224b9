"""The client's models are those of the OpenAPI document, and both clients have the same methods."""

import inspect
import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from synthmill.client import AsyncClient, Client, models
from tests.support.openapi import document

NAMES = (
    "Source",
    "RecipeVersion",
    "StoredRecipe",
    "Job",
    "JobProgress",
    "RecordItem",
    "RecordPage",
    "Reject",
    "Event",
    "Export",
    "Quote",
)
_CALLED = {"JobProgress": "JobDetail"}  # the stream's numbers are those of the detail, without its lists
_FREE = ("labels", "fields", "data", "recipe")  # objects that are read as they come


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_one_that_the_api_always_sends_in_that_type(name: str) -> None:
    model: type[BaseModel] = getattr(models, name)
    promised: dict[str, Any] = document()["components"]["schemas"][_CALLED.get(name, name)]
    read = model.model_json_schema(mode="serialization")["properties"]
    for field, schema in read.items():
        assert field in promised["required"] or not model.model_fields[field].is_required(), f"{name}.{field} may miss"
        if field not in _FREE:
            assert kinds(schema) == kinds(promised["properties"][field]), f"{name}.{field}"


def kinds(schema: dict[str, Any]) -> set[str]:
    """Types that a value may have; a reference counts as text or object."""
    found: set[str] = set()
    for each in schema.get("anyOf", [schema]):
        found.add(each.get("type", "named"))
    return {"string" if kind == "named" else kind for kind in found}


def test_stream_models_are_those_of_the_api() -> None:
    from synthmill_api.jobs.views import JobProgress
    from synthmill_api.live import views

    for name in ("StateChanged", "End"):
        assert set(getattr(models, name).model_fields) == set(getattr(views, name).model_fields)
    assert set(models.JobProgress.model_fields) <= set(JobProgress.model_fields)


def test_both_clients_have_the_same_methods_with_the_same_parameters() -> None:
    plain = {name: method for name, method in vars(Client).items() if not name.startswith("_")}
    awaited = {name: method for name, method in vars(AsyncClient).items() if not name.startswith("_")}
    assert plain.keys() == awaited.keys()
    for name, method in plain.items():
        if name != "wait":  # its callback is awaited
            assert list(inspect.signature(method).parameters.values()) == list(
                inspect.signature(awaited[name]).parameters.values()
            ), name


def test_the_client_needs_none_of_the_servers_libraries() -> None:
    code = (
        "import sys; import synthmill; synthmill.Client; synthmill.AsyncClient;"
        "print([name for name in ('fastapi', 'starlette', 'prefect', 'elasticsearch', 'minio', 'polars') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
