"""What the OpenAPI document says of every route."""

from collections.abc import Iterator

import pytest

from tests.support.api import Api
from tests.support.openapi import Route, document, routes

ROUTES = routes()
each_route = pytest.mark.parametrize("route", ROUTES, ids=str)

NAMING = {"create_job", "create_quote", "create_webhook", "draft_recipe", "start_run", "create_schedule"}
"""Routes that name others' things in their bodies alone."""


@each_route
def test_every_json_body_has_an_example(route: Route) -> None:
    assert not route.takes_json or isinstance(route.body_example, dict)


@each_route
def test_every_route_says_what_it_needs_and_every_answer_it_has(route: Route) -> None:
    operation = route.operation
    assert operation["operationId"]
    assert operation["tags"]
    assert operation["summary"]
    assert {"401", "403", "422", "500", "503"} <= operation["responses"].keys()
    assert ("404" in operation["responses"]) == ("{" in route.path or operation["operationId"] in NAMING)
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            (content,) = response["content"].values()
            assert list(response["content"]) == ["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            assert all(example["value"]["status"] == int(status) for example in content["examples"].values())


def test_operation_ids_are_unique_and_references_point_somewhere() -> None:
    ids = [route.operation["operationId"] for route in ROUTES]
    assert len(set(ids)) == len(ids)
    known = {f"#/components/{kind}/{name}" for kind, named in document()["components"].items() for name in named}

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, member in value.items():
                if key == "$ref" and isinstance(member, str):
                    yield member
                yield from references(member)
        elif isinstance(value, list):
            for member in value:
                yield from references(member)

    assert set(references(document())) - known == set()


async def test_the_document_is_served_without_a_key(api: Api) -> None:
    async with api.anonymous() as anyone:
        assert (await anyone.get("/openapi.json")).json()["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("origin", "status", "target", "parameters"),
    [
        ("POST /v1/sources", "201", "delete_source", {"source_id": "$response.body#/id"}),
        ("GET /v1/jobs", "200", "get_gate_report", {"job_id": "$response.body#/items/0/id"}),
        (
            "GET /v1/recipes/{name}/versions",
            "200",
            "get_recipe_version",
            {"name": "$request.path.name", "version": "$response.body#/items/0/version"},
        ),
        (
            "POST /v1/jobs/{job_id}/exports",
            "202",
            "get_export_content",
            {"job_id": "$request.path.job_id", "export_id": "$response.body#/id"},
        ),
    ],
)
def test_an_answer_links_to_the_routes_that_take_its_id(
    origin: str, status: str, target: str, parameters: dict[str, str]
) -> None:
    (route,) = (route for route in ROUTES if str(route) == origin)
    assert route.operation["responses"][status]["links"][target]["parameters"] == parameters


def test_jobs_and_quotes_take_an_idempotency_key_in_the_same_words() -> None:
    job, quote = (document()["paths"][path]["post"] for path in ("/v1/jobs", "/v1/quotes"))
    assert [each["name"] for each in job["parameters"]] == ["idempotency-key"]
    assert quote["parameters"] == job["parameters"]
    told = [of["responses"]["409"]["content"]["application/problem+json"] for of in (job, quote)]
    assert all("idempotency_key_reused" in content["examples"] for content in told)
