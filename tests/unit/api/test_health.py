"""Health tells without a key, and without a word about what lies behind."""

from tests.support.api import Api, problem


async def test_a_running_service_is_alive_and_ready(api: Api) -> None:
    async with api.anonymous() as anyone:
        assert (await anyone.get("/healthz")).json() == {"status": "alive"}
        ready = await anyone.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "checks": {"store": "ok", "broker": "ok", "objects": "ok"}}


async def test_a_closed_database_makes_it_unready(api: Api) -> None:
    await api.services.database.close()
    async with api.anonymous() as anyone:
        response = await anyone.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["store"] == "unavailable"


async def test_paths_that_are_not_there_and_methods_that_are_not_taken_are_problems(api: Api) -> None:
    async with api.anonymous() as anyone:
        problem(await anyone.get("/nowhere"), 404, "not_found")
        response = await anyone.delete("/healthz")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET"


async def test_a_refused_method_is_told_all_that_the_path_takes(api: Api) -> None:
    async with api.anonymous() as anyone:
        assert (await anyone.put("/v1/jobs")).headers["allow"] == "GET, POST"
        assert (await anyone.put("/v1/sources/src_1")).headers["allow"] == "DELETE, GET"


async def test_every_answer_forbids_guessing_and_allows_no_other_origin(api: Api) -> None:
    async with api.anonymous(origin="https://elsewhere.example") as anyone:
        response = await anyone.get("/healthz")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"
    assert not [name for name in response.headers if name.startswith("access-control")]
