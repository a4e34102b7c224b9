"""One thing of every kind in one tenant, with a mark in whatever a client may have written, and requests about them."""

import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from synthmill.jobs.documents import change_job
from synthmill.jobs.release import release
from synthmill.ports.broker import Message, Queue
from synthmill.ports.records import Collection, Place, Write
from synthmill_api.recipes.endpoints import EXAMPLE
from synthmill_schemas.job import JobState
from synthmill_schemas.ledger import RejectDocument
from synthmill_schemas.slot import RejectClass
from tests.support.api import Api
from tests.support.gate_reports import stored_report
from tests.support.jobs import TENANT, accepted, recipe, store_slots
from tests.support.openapi import Route
from tests.support.uploads import worked

MARK = "quokka"
"""In all content of the owner, so that no answer to anybody else may hold it."""

Things = dict[str, str]
"""Ids by the name that paths and queries give them."""


async def things_of(api: Api, owner: httpx.AsyncClient) -> Things:
    """Makes one of every kind for the owner, whose tenant is `TENANT`."""
    things: Things = {}
    for make in _MAKERS:
        things |= await make(api, owner, things)
    return things


async def _source(_: Api, owner: httpx.AsyncClient, __: Things) -> Things:
    content = f"title\n{MARK} lamp\n".encode()
    return {"source_id": await _made(owner.post("/v1/sources", params={"name": f"{MARK}.csv"}, content=content))}


async def _upload(_: Api, owner: httpx.AsyncClient, __: Things) -> Things:
    name = b64encode(f"{MARK}.txt".encode()).decode()
    headers = {"upload-length": "1000", "upload-metadata": f"filename {name}"}
    response = await owner.post("/v1/uploads", headers=headers)
    assert response.is_success, response.text
    return {"upload_id": response.headers["location"].rpartition("/")[2]}


async def _recipe(_: Api, owner: httpx.AsyncClient, __: Things) -> Things:
    data = {**EXAMPLE, "name": f"{MARK}_copy", "description": f"for the {MARK}"}
    return {"name": await _made(owner.post("/v1/recipes", json=data), "name"), "version": "1"}


async def _job(api: Api, owner: httpx.AsyncClient, _: Things) -> Things:
    body = {"recipe": recipe().recipe.model_dump(mode="json"), "records": 1, "labels": {"team": MARK}}
    job = await _made(owner.post("/v1/jobs", json=body))
    await worked(api.runtime.services)
    await store_slots(api.runtime.services, accepted(job, 0, data={"colour": "red", "poem": f"to a {MARK}"}))
    await stored_report(api.runtime.services.store, job, "passed")
    return {"job_id": job, "record_id": f"{job}-0"}


async def _quote(_: Api, owner: httpx.AsyncClient, things: Things) -> Things:
    body = {"stored_recipe": {"name": things["name"]}, "sources": [things["source_id"]]}
    return {"quote_id": await _made(owner.post("/v1/quotes", json=body))}


async def _reject(api: Api, _: httpx.AsyncClient, things: Things) -> Things:
    reject = RejectDocument(
        dataset="colours",
        job_id=things["job_id"],
        reject_id=f"{things['record_id']}-1-1",
        record_id=things["record_id"],
        round=1,
        attempt=1,
        reject_class=RejectClass.SCHEMA,
        reason="no poem",
        raw=f"a {MARK}",
    )
    place = Place(TENANT, Collection.REJECTS)
    await api.runtime.services.store.bulk([Write(place, reject.reject_id, reject.model_dump(mode="json"))])
    return {"reject_id": reject.reject_id}


async def _export(api: Api, owner: httpx.AsyncClient, things: Things) -> Things:
    export = await _made(owner.post(f"/v1/jobs/{things['job_id']}/exports", json={}))
    await worked(api.runtime.services)
    return {"export_id": export}


async def _dead_letter(api: Api, _: httpx.AsyncClient, __: Things) -> Things:
    await api.runtime.services.broker.publish(Queue.JOBS, [Message("stray", f"{{ not JSON {MARK}".encode())])
    await worked(api.runtime.services)
    return {"letter_id": "dead-jobs-stray"}


async def _dataset(api: Api, _: httpx.AsyncClient, things: Things) -> Things:
    await change_job(api.runtime.services.store, TENANT, things["job_id"], lambda _: {"state": JobState.COMPLETED})
    await release(api.runtime.services, TENANT, things["job_id"])
    return {"dataset": "colours"}


async def _webhook(_: Api, owner: httpx.AsyncClient, __: Things) -> Things:
    webhook = await _made(owner.post("/v1/webhooks", json={"url": "https://192.0.43.8/hook", "description": MARK}))
    return {"webhook_id": webhook, "delivery_id": await _made(owner.post(f"/v1/webhooks/{webhook}/test"))}


async def _key(_: Api, owner: httpx.AsyncClient, __: Things) -> Things:
    return {"prefix": await _made(owner.post("/v1/keys", json={"name": MARK, "roles": ["viewer"]}), "prefix")}


async def _of_prefect(_: Api, __: httpx.AsyncClient, ___: Things) -> Things:
    """Ids that nobody has: runs and schedules are Prefect's, and walked in a test with a server of it."""
    return {"run_id": str(uuid.uuid4()), "schedule_id": str(uuid.uuid4())}


_MAKERS: tuple[Callable[[Api, httpx.AsyncClient, Things], Awaitable[Things]], ...] = (
    _source,
    _upload,
    _recipe,
    _quote,
    _job,
    _reject,
    _export,
    _dead_letter,
    _dataset,
    _webhook,
    _key,
    _of_prefect,
)
"""In this order; a route with a new name in its path needs one more here."""


async def _made(sent: Awaitable[httpx.Response], field: str = "id") -> str:
    response = await sent
    assert response.is_success, response.text
    id_: str = response.json()[field]
    return id_


BODIES: dict[str, Callable[[Things], Mapping[str, Any]]] = {
    "create_webhook": lambda things: {"url": "https://192.0.43.8/hook", "job_id": things["job_id"]},
    "draft_recipe": lambda things: {"source": things["source_id"]},
    "create_job": lambda things: {"stored_recipe": {"name": things["name"]}, "sources": [things["source_id"]]},
    "create_quote": lambda things: {"stored_recipe": {"name": things["name"]}, "sources": [things["source_id"]]},
}
"""Bodies that name other things by id, by operation; all others are the document's own examples."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request about things, and the words of it that an answer may repeat."""

    request: httpx.Request
    own_words: tuple[str, ...]

    def told_of(self, response: httpx.Response, secrets: Iterator[str]) -> list[str]:
        """Which of the secrets the answer tells, in its body or a header, that the request did not."""
        text = response.text + "\n".join(f"{name}: {value}" for name, value in response.headers.items())
        for word in sorted(self.own_words, key=len, reverse=True):
            text = text.replace(word, "")
        return [secret for secret in secrets if secret in text]


def asked(client: httpx.AsyncClient, route: Route, things: Things) -> Asked:
    """A request that fits the route's description, with these ids wherever a name fits."""
    body = BODIES.get(route.id)
    example = body(things) if body is not None else route.body_example
    named = route.names("query") if route.method == "GET" else []  # elsewhere a name is what a new thing is called
    query = {name: things[name] for name in named if name in things}
    headers = route.headers
    content: dict[str, Any] = {}
    if route.takes_json:
        content["json"] = example
    elif route.body_type is not None:
        content["content"] = b"a,b\n1,2\n"
        headers = {**headers, "content-type": route.body_type}
    request = client.build_request(route.method, route.path.format(**things), params=query, headers=headers, **content)
    own = (*(things[name] for name in route.names("path")), *query.values())
    return Asked(request, (*own, *(_words(example) if body is not None else ())))


def _words(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for member in value.values():
                yield from _words(member)
        case list():
            for member in value:
                yield from _words(member)
