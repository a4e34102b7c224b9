"""Gate reports over HTTP."""

import httpx

from synthmill_api.auth.scopes import Scope
from tests.support.api import Api, problem
from tests.support.gate_reports import PAGE, stored_report
from tests.support.jobs import recipe


async def ordered(client: httpx.AsyncClient) -> str:
    """A job of this client."""
    job_id: str = (await client.post("/v1/jobs", json={"recipe": recipe().recipe.model_dump(mode="json")})).json()["id"]
    return job_id


async def test_a_report_and_its_page_are_there_once_the_gate_has_run(api: Api, client: httpx.AsyncClient) -> None:
    job = await ordered(client)
    problem(await client.get(f"/v1/jobs/{job}/gate"), 404, "not_found")
    report = await stored_report(api.services.store, job, "blocked")
    answer = await client.get(f"/v1/jobs/{job}/gate")
    assert answer.json() == report.model_dump(mode="json")
    page = await client.get(f"/v1/jobs/{job}/gate/page")
    assert page.content == PAGE
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


async def test_a_page_that_was_not_kept_is_not_found(api: Api, client: httpx.AsyncClient) -> None:
    job = await ordered(client)
    await stored_report(api.services.store, job, "passed", with_page=False)
    problem(await client.get(f"/v1/jobs/{job}/gate/page"), 404, "not_found")


async def test_a_report_belongs_to_its_tenant(api: Api, client: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    job = await ordered(client)
    await stored_report(api.services.store, job, "passed")
    problem(await stranger.get(f"/v1/jobs/{job}/gate"), 404, "not_found")
    problem(await stranger.get(f"/v1/jobs/{job}/gate/page"), 404, "not_found")


async def test_a_key_without_the_right_to_records_sees_no_examples_of_them(api: Api, client: httpx.AsyncClient) -> None:
    job = await ordered(client)
    await stored_report(api.services.store, job, "passed")
    async with await api.client(scopes=[Scope.JOBS_READ]) as reader:
        problem(await reader.get(f"/v1/jobs/{job}/gate"), 403, "forbidden")
