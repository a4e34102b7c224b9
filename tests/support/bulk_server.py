"""A server that answers bulks as a test says and notes what it was sent; for answers that a real one gives rarely."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from synthmill.settings import ElasticSettings

Answer = Callable[[str, int], dict[str, Any]]
"""Id and how often it was sent, this time included, to the answer for it."""


@dataclass
class BulkServer:
    """`sent` holds the ids of each bulk that was taken.

    The first `busy` ones are answered 429, one of more than `most` actions 413.
    """

    answer: Answer
    most: int
    busy: int
    sent: list[list[str]] = field(default_factory=list)
    url: str = ""

    @property
    def settings(self) -> ElasticSettings:
        """Settings of a store that talks to it."""
        return ElasticSettings.model_validate({"url": self.url})

    async def handle(self, request: web.Request) -> web.Response:
        """One bulk."""
        actions = [next(iter(json.loads(line).values())) for line in (await request.read()).splitlines()[::2]]
        ids = [action["_id"] for action in actions]
        headers = {"X-Elastic-Product": "Elasticsearch"}
        if len(ids) > self.most:
            return web.json_response({"error": {"type": "too_large", "reason": "413"}}, status=413, headers=headers)
        if self.busy:
            self.busy -= 1
            return web.json_response({"error": {"type": "busy", "reason": "429"}}, status=429, headers=headers)
        self.sent.append(ids)
        items = [{"index": {"_id": id_, **self.answer(id_, self.times(id_))}} for id_ in ids]
        return web.json_response({"errors": True, "items": items}, headers=headers)

    def times(self, id_: str) -> int:
        """How often the id was sent."""
        return sum(ids.count(id_) for ids in self.sent)


@asynccontextmanager
async def bulk_server(answer: Answer, *, most: int = 1_000_000, busy: int = 0) -> AsyncIterator[BulkServer]:
    """Serves on a free port until the context ends."""
    server = BulkServer(answer, most, busy)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_put("/_bulk", server.handle)
    app.router.add_post("/_bulk", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
