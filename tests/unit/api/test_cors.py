"""Pages of other origins: none by default, those of the settings when there are some, and never with cookies."""

from pathlib import Path

from tests.support.api import problem, started

PAGE = "https://app.example"
ASKED = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}


async def test_no_page_is_let_in_by_default(tmp_path: Path) -> None:
    async with started(tmp_path / "home") as api, api.anonymous(**ASKED) as page:
        response = await page.options("/v1/jobs")
    problem(response, 405, "method_not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_page_of_the_settings_may_call_and_read_and_others_may_not(tmp_path: Path) -> None:
    async with started(tmp_path / "home", cors_origins=[PAGE]) as api:
        async with api.anonymous(**ASKED) as page:
            asked = await page.options("/v1/jobs")
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == PAGE
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        async with api.anonymous(authorization=f"Bearer {await api.key()}", origin=PAGE) as page:
            answer = await page.get("/v1/jobs/none")
        problem(answer, 404, "not_found")
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "RateLimit-Remaining" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        async with api.anonymous(origin="https://app.example.evil.example") as page:
            assert "access-control-allow-origin" not in (await page.get("/v1/jobs")).headers


async def test_every_answer_keeps_pages_from_showing_it(tmp_path: Path) -> None:
    async with started(tmp_path / "home") as api, api.anonymous() as anyone:
        headers = (await anyone.get("/v1/jobs")).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
