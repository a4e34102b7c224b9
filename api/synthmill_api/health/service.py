"""Asks every server behind the ports for something small."""

import asyncio
from collections.abc import Awaitable

from synthmill.errors import SynthmillError
from synthmill.ports.broker import Queue
from synthmill.ports.records import Collection, Place
from synthmill.services import Services

Checks = dict[str, str]

_PATIENCE_SECONDS = 5.0  # below a probe's usual timeout of 10


async def readiness(services: Services) -> Checks:
    """By port, `ok` or one word on what is wrong; the log has the rest."""
    asked: dict[str, Awaitable[object]] = {
        "store": services.store.get(Place("_api", Collection.KEYS), "readiness"),
        "broker": services.broker.depth(Queue.JOBS),
        "objects": _list_one(services),
    }
    words = await asyncio.gather(*(_word(question) for question in asked.values()))
    return dict(zip(asked, words, strict=True))


async def _word(question: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await question
    except TimeoutError:
        return "slow"
    except SynthmillError:
        return "unavailable"
    return "ok"


async def _list_one(services: Services) -> None:
    async for _ in services.objects.list("tmp/readiness/"):
        return
