"""A part that is away is told by its name and by what to do; where it is stands in the log alone."""

import logging

import httpx
import pytest

from synthmill.errors import BrokerUnavailable, ObjectStoreUnavailable, StoreUnavailable, SynthmillError
from synthmill_api.errors import refusal_of
from tests.support.api import Api, problem

ADDRESS = "elasticsearch.internal:29200"
WORDS = f"HTTPConnectionPool(host='elasticsearch.internal', port=29200): refused by {ADDRESS}"


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (BrokerUnavailable(WORDS), "the broker"),
        (StoreUnavailable(WORDS), "the record store"),
        (ObjectStoreUnavailable(WORDS), "the object store"),
    ],
)
def test_a_client_learns_which_part_is_away_and_what_to_do_and_not_where_it_is(
    error: SynthmillError, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "synthmill_api"):
        told = refusal_of(error).problem()
    assert told.status == 503
    assert told.detail.startswith(part)
    assert "again" in told.hint
    shown = told.model_dump_json()
    assert not [word for word in ("internal:", "29200", "HTTPConnection") if word in shown]
    assert ADDRESS in caplog.text


async def test_no_route_tells_the_address(api: Api, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable(WORDS)

    for name in ("get", "search", "bulk", "scan", "visible", "count"):
        monkeypatch.setattr(type(api.services.store), name, away)
    for path in ("/v1/jobs", "/v1/jobs/job-1", "/v1/recipes", "/v1/dead-letters"):
        response = await client.get(path)
        problem(response, 503, "store_unavailable")
        assert "29200" not in response.text
