"""Whether a service can do its work: every part it needs is asked something small.

Probes come every few seconds, from several places, and give up soon. So an answer serves for a second, a part is asked
by one question at a time however many probes wait, and no probe waits longer than two seconds: a question that takes
longer goes on behind it, and its part counts as slow until it is answered.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from synthmill.errors import SynthmillError

PATIENCE_SECONDS = 2.0
_FRESH_SECONDS = 1.0

OK = "ok"

Question = Callable[[], Awaitable[object]]
"""Returns when the part answers; raises a SynthmillError, whose kind is told and whose text stays in the log."""


class NotReady(SynthmillError):
    """A part says itself what it lacks; the text is shown to whoever asks, so it holds no secret."""


class Part:
    """One thing that is needed."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._asking: asyncio.Task[str] | None = None
        self._word = ""
        self._at = float("-inf")

    async def word(self) -> str:
        """`ok`, `slow`, or what is wrong."""
        if time.monotonic() - self._at < _FRESH_SECONDS:
            return self._word
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._asking}, timeout=PATIENCE_SECONDS)
        if not done:
            return "slow"
        return self._word

    async def close(self) -> None:
        """Gives up a question under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> str:
        try:
            self._word = await self._answer()
            self._at = time.monotonic()
        finally:
            self._asking = None
        return self._word

    async def _answer(self) -> str:
        try:
            await self._question()
        except NotReady as lack:
            return str(lack)
        except SynthmillError:
            return "unavailable"
        return OK


class Readiness:
    """All parts that a service needs, by name."""

    def __init__(self, parts: Mapping[str, Question]) -> None:
        self._parts = {name: Part(question) for name, question in parts.items()}

    async def words(self) -> dict[str, str]:
        """By part, `ok` or what is wrong with it; never takes longer than two seconds."""
        words = await asyncio.gather(*(part.word() for part in self._parts.values()))
        return dict(zip(self._parts, words, strict=True))

    async def close(self) -> None:
        """Gives up questions under way."""
        await asyncio.gather(*(part.close() for part in self._parts.values()))
