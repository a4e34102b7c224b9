"""Quotas: what goes beyond a tenant's limits is refused by a code of its own, and counted from what is stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from synthmill.errors import UserError
from synthmill.jobs.documents import change_job
from synthmill_api.quotas.bucket import Bucket
from synthmill_api.quotas.keeper import Keeper
from synthmill_api.quotas.limits import Limits, limits_of, set_limits
from synthmill_api.quotas.use import month_start, next_month, tomorrow
from synthmill_schemas.base import now
from synthmill_schemas.job import JobState
from tests.support.api import Api, problem, started
from tests.support.calls import call_write
from tests.support.jobs import recipe

PLAIN: dict[str, Any] = {"recipe": recipe().recipe.model_dump(mode="json")}

PRICE = {"input_per_million": 1.0, "output_per_million": 2.0}
PRICED = {"recipe": recipe(model={"route": "mock/one", "price": PRICE}).recipe.model_dump(mode="json")}


@asynccontextmanager
async def limited(folder: Path, **limits: Any) -> AsyncIterator[tuple[Api, httpx.AsyncClient]]:  # noqa: ANN401  as Limits has them
    async with started(folder / "home", quotas=Limits(**limits)) as api, await api.client() as client:
        yield api, client


async def paid(api: Api, call: str, *, tokens: int, usd: float | None, tenant: str = "default", **more: Any) -> None:  # noqa: ANN401
    facts = {"prompt_tokens": tokens, "completion_tokens": tokens, "cost_usd": usd, **more}
    await api.services.store.bulk([call_write(tenant, 0, dataset="colours", job_id="job-1", call_id=call, **facts)])


async def test_every_answer_tells_where_the_rate_stands_and_the_last_is_a_429(tmp_path: Path) -> None:
    async with limited(tmp_path, requests_per_second=0.001, burst=3) as (api, client):
        answers = [await client.get(path) for path in ("/v1/sources", "/v1/sources/none", "/v1/jobs?limit=0")]
        assert [answer.status_code for answer in answers] == [200, 404, 422]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
        refused = await client.get("/v1/sources")
        problem(refused, 429, "rate_limited")
        assert 990 < int(refused.headers["retry-after"]) <= 1_000
        assert int(refused.headers["ratelimit-reset"]) > 2_000
        async with await api.client("acme") as other:
            assert (await other.get("/v1/sources")).status_code == 200, "a tenant's rate is its own"
        async with api.anonymous() as anyone:
            assert "ratelimit-limit" not in (await anyone.get("/v1/sources")).headers


def test_a_bucket_fills_at_its_rate_and_never_above_its_size() -> None:
    bucket = Bucket(size=2, rate=0.5, level=2.0, at=0.0)
    assert [bucket.take(0.0).granted for _ in range(3)] == [True, True, False]
    assert bucket.take(1.0).next_in == 1
    assert bucket.take(2.0).granted
    assert [bucket.take(1_000.0).granted for _ in range(3)] == [True, True, False]
    assert bucket.take(999.0).granted is False, "a clock that goes back gives nothing"


async def test_processes_share_a_rate(api: Api) -> None:
    share = Keeper(api.services.store, Limits(requests_per_second=8, burst=8), 4, lambda: 0.0)
    taken = [await share.take("default") for _ in range(3)]
    assert [each is not None and (each.limit, each.granted) for each in taken] == [(2, True), (2, True), (2, False)]


async def test_uploads_are_taken_up_to_the_day_and_no_byte_further(tmp_path: Path) -> None:
    async with limited(tmp_path, upload_bytes_a_day=20) as (api, client):

        async def sent(content: bytes, name: str = "a.csv") -> httpx.Response:
            return await client.post("/v1/sources", params={"name": name}, content=content)

        assert (await sent(b"title\nlamp\n")).status_code == 201
        larger = await sent(b"title\n" + b"chair\n" * 9)
        problem(larger, 429, "upload_quota")
        assert (await client.get("/v1/quotas")).json()["use"]["upload_bytes_today"] == 11, "it was not even read"

        async def streamed() -> AsyncIterator[bytes]:
            for _ in range(9):
                yield b"chair\n"

        problem(await client.post("/v1/sources", params={"name": "b.csv"}, content=streamed()), 429, "upload_quota")
        refused = await sent(b"x")
        problem(refused, 429, "upload_quota")
        assert 0 < int(refused.headers["retry-after"]) <= 86_400
        assert (await client.get("/v1/sources")).json()["total"] == 1
        assert len([key async for key in api.services.objects.list("tmp/")]) == 1, "nothing is left of the refused ones"


async def test_a_job_too_many_is_refused_until_one_ends_and_an_old_key_still_finds_its_job(tmp_path: Path) -> None:
    async with limited(tmp_path, running_jobs=1) as (api, client):
        first = await client.post("/v1/jobs", json=PLAIN, headers={"idempotency-key": "one"})
        refused = await client.post("/v1/jobs", json=PLAIN)
        problem(refused, 429, "jobs_quota")
        assert refused.headers["retry-after"] == "10"
        problem(await client.post("/v1/quotes", json=PLAIN, headers={"idempotency-key": "two"}), 429, "jobs_quota")
        again = await client.post("/v1/jobs", json=PLAIN, headers={"idempotency-key": "one"})
        assert again.json()["id"] == first.json()["id"]
        assert (await client.post(f"/v1/jobs/{first.json()['id']}/resume")).status_code == 202, "it runs already"
        await change_job(api.services.store, "default", first.json()["id"], lambda _: {"state": JobState.COMPLETED})
        assert (await client.post("/v1/jobs", json=PLAIN)).status_code == 202
        ended = await client.post(f"/v1/jobs/{first.json()['id']}/resume", headers={"idempotency-key": "one"})
        problem(ended, 429, "jobs_quota")


@pytest.mark.parametrize("limit", [{"tokens_a_month": 100}, {"usd_a_month": 0.5}])
async def test_a_month_that_is_spent_starts_no_job_and_goes_on_with_none(tmp_path: Path, limit: dict[str, Any]) -> None:
    async with limited(tmp_path, **limit) as (api, client):
        await paid(api, "c-1", tokens=25, usd=0.25)
        await paid(api, "last-month", tokens=9_000, usd=90.0, at=month_start() - timedelta(seconds=1))
        await paid(api, "anothers", tokens=9_000, usd=90.0, tenant="acme")
        headers = {"idempotency-key": "one"}
        job = (await client.post("/v1/jobs", json=PRICED, headers=headers)).json()["id"]
        await paid(api, "c-2", tokens=25, usd=0.25)
        problem(await client.post("/v1/jobs", json=PRICED), 402, "budget_spent")
        problem(await client.post(f"/v1/jobs/{job}/resume"), 402, "budget_spent")
        assert (await client.post("/v1/jobs", json=PRICED, headers=headers)).json()["id"] == job
        used = (await client.get("/v1/quotas")).json()["use"]
        assert (used["tokens_this_month"], used["usd_this_month"], used["running_jobs"]) == (100, 0.5, 1)


async def test_a_tenants_own_limits_win_over_the_settings_and_none_means_no_limit(api: Api) -> None:
    store, defaults = api.services.store, Limits(running_jobs=1, tokens_a_month=5)
    assert await limits_of(store, "acme", defaults) == defaults
    await set_limits(store, "acme", {"running_jobs": 7, "tokens_a_month": None}, drop=set())
    assert await limits_of(store, "acme", defaults) == Limits(running_jobs=7)
    await set_limits(store, "acme", {}, drop={"tokens_a_month"})
    assert await limits_of(store, "acme", defaults) == Limits(running_jobs=7, tokens_a_month=5)
    with pytest.raises(UserError, match="horses is no limit"):
        await set_limits(store, "acme", {"horses": 1}, drop=set())


async def test_changed_limits_are_heeded_by_a_running_process_a_little_later(api: Api) -> None:
    time = [0.0]
    keeper = Keeper(api.services.store, Limits(), 1, lambda: time[0])
    assert (await keeper.limits("acme")).running_jobs is None
    await set_limits(api.services.store, "acme", {"running_jobs": 3}, drop=set())
    time[0] = 5.0
    assert (await keeper.limits("acme")).running_jobs == 3


def test_days_and_months_end_in_utc() -> None:
    assert month_start() <= now() < tomorrow() <= next_month()
    assert (next_month().day, next_month().hour) == (1, 0)
    assert timedelta(0) < tomorrow() - now() <= timedelta(days=1)


async def test_a_new_job_or_quote_is_capped_by_what_its_tenant_has_left(tmp_path: Path) -> None:
    async with limited(tmp_path, tokens_a_month=1_000) as (api, client):
        await paid(api, "c-1", tokens=200, usd=None)
        capped = [await client.post("/v1/jobs", json={**PLAIN, **more}) for more in ({}, {"max_tokens": 50})]
        assert [answer.json()["max_tokens"] for answer in capped] == [600, 50]
        assert [answer.json()["max_usd"] for answer in capped] == [None, None]
        quote = (await client.post("/v1/quotes", json=PLAIN)).json()["id"]
        assert (await client.get(f"/v1/jobs/{quote}")).json()["max_tokens"] == 600


async def test_a_tenant_with_a_limit_of_money_pays_no_model_whose_price_nobody_knows(tmp_path: Path) -> None:
    async with limited(tmp_path, usd_a_month=10) as (_, client):
        problem(await client.post("/v1/jobs", json=PLAIN), 422, "price_unknown")
        problem(await client.post("/v1/quotes", json=PLAIN), 422, "price_unknown")
        assert (await client.post("/v1/jobs", json=PRICED)).json()["max_usd"] == 10
