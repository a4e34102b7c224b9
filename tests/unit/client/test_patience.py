"""What may succeed later is tried again as the server says and within a budget; all else is told at once."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from synthmill.client import Client
from synthmill.client.errors import Conflict, Invalid, NotFound, TooMany, Unavailable, Unreachable
from synthmill.client.patience import Patience

SOURCES = {"items": [], "total": 0, "cursor": None}
JOB: dict[str, Any] = {
    "id": "job-1",
    "dataset": "colours",
    "state": "published",
    "reason": None,
    "round": 1,
    "records": 4,
    "labels": {},
    "flow_run_url": None,
    "created_at": "2026-11-23T10:00:00Z",
    "updated_at": "2026-11-23T10:00:00Z",
}


class Server:
    """Answers in turn, over a transport of the client's own kind; the last answer for ever."""

    def __init__(self, *answers: httpx.Response | type[httpx.HTTPError]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, type):
            raise answer("gone")
        return answer


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"code": code, "detail": "not so", "hint": "otherwise", "faults": [{"path": "body.url", "message": "bad"}]}
    return httpx.Response(status, json=body, headers=headers)


@pytest.fixture
def client() -> Iterator[Callable[[Server], Client]]:
    made: list[Client] = []

    def make(server: Server, patience: float = 5.0) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(server))
        made.append(Client("http://api.test", "smk_1.x", patience=patience, http=http))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(("status", "code"), [(429, "rate_limited"), (503, "store_unavailable")])
def test_a_server_that_says_later_is_asked_later(client: Callable[[Server], Client], status: int, code: str) -> None:
    server = Server(problem(status, code, **{"retry-after": "0"}), httpx.Response(200, json=SOURCES))
    assert list(client(server).sources()) == []
    assert len(server.requests) == 2


def test_a_wait_beyond_the_budget_is_an_error_at_once(client: Callable[[Server], Client]) -> None:
    server = Server(problem(503, "store_unavailable", **{"retry-after": "60"}))
    with pytest.raises(Unavailable) as raised:
        list(client(server).sources())
    assert len(server.requests) == 1
    assert (raised.value.code, raised.value.hint, raised.value.faults[0].path) == (
        "store_unavailable",
        "otherwise",
        "body.url",
    )
    assert raised.value.retriable


@pytest.mark.parametrize(
    ("status", "class_"), [(404, NotFound), (409, Conflict), (422, Invalid), (413, Invalid)], ids=str
)
def test_a_refusal_is_told_at_once(client: Callable[[Server], Client], status: int, class_: type[Exception]) -> None:
    server = Server(problem(status, "some_code"))
    with pytest.raises(class_, match="some_code"):
        client(server).job("job-1")
    assert len(server.requests) == 1


def test_an_order_keeps_its_key_over_all_tries(client: Callable[[Server], Client]) -> None:
    server = Server(
        httpx.ReadError, problem(503, "broker_unavailable", **{"retry-after": "0"}), httpx.Response(202, json=JOB)
    )
    assert client(server).create_job(stored_recipe="colours@2", records=4).id == "job-1"
    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert (len(server.requests), len(keys)) == (3, 1)
    assert b'"stored_recipe":{"name":"colours","version":2}' in server.requests[0].content


def test_a_quote_is_paid_once_however_often_it_is_sent(client: Callable[[Server], Client]) -> None:
    told = {"id": "job-1", "dataset": "colours", "state": "completed", "reason": None, "slots": 4, "records": 9}
    server = Server(httpx.ReadError, httpx.Response(202, json=told))
    assert client(server).quote(stored_recipe="colours", key="monday").id == "job-1"
    assert [request.headers["idempotency-key"] for request in server.requests] == ["monday", "monday"]


def test_what_may_have_been_done_is_not_done_again(client: Callable[[Server], Client]) -> None:
    server = Server(httpx.ReadError)
    with pytest.raises(Unreachable, match=r"http://api\.test does not answer"):
        client(server).cancel("job-1")
    assert len(server.requests) == 1


def test_an_answer_of_somebody_else_is_told_as_it_is(client: Callable[[Server], Client]) -> None:
    with pytest.raises(Invalid) as raised:
        client(Server(httpx.Response(400, text="<html>nginx</html>"))).job("job-1")
    assert (raised.value.code, raised.value.detail) == ("http_400", "<html>nginx</html>")


def test_too_many_requests_in_the_end_are_told_so(client: Callable[[Server], Client]) -> None:
    with pytest.raises(TooMany):
        client(Server(problem(429, "rate_limited", **{"retry-after": "99"}))).job("job-1")


def test_waits_without_a_word_grow_and_end() -> None:
    patience, spent = Patience(30.0), 0.0
    waits = []
    while (seconds := patience.after_silence(safe=True)) is not None:
        waits.append(seconds)
        spent += seconds
    assert spent <= 30
    assert waits[3] > waits[0]
    assert max(waits) <= 8
    assert Patience(30.0).after_silence(safe=False) is None
