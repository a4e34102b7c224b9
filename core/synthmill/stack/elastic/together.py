"""Searches that are asked for at once go in one request: five counts of a status cost one round trip, not five."""

import asyncio
from collections.abc import Sequence

from synthmill.errors import SynthmillError
from synthmill.stack.elastic.client import ElasticClient, Json, NotAccepted

Answer = Json | Exception


class Together:
    """Gathers what is asked for in one turn of the event loop, as `asyncio.gather` asks."""

    def __init__(self, client: ElasticClient) -> None:
        self._client = client
        self._wanted: list[tuple[str, Json]] = []
        self._answers: asyncio.Task[Sequence[Answer]] | None = None

    async def search(self, index: str, body: Json) -> Json:
        """The answer to this one; what fails of the others is theirs."""
        if self._answers is None:
            # a task begins after all that are ready now, so those who ask beside this one are in its list
            self._answers = asyncio.create_task(self._send())
        number, answers = len(self._wanted), self._answers
        self._wanted.append((index, body))
        answer = (await asyncio.shield(answers))[number]  # whoever goes takes nobody's answer away
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _send(self) -> Sequence[Answer]:
        wanted, self._wanted, self._answers = self._wanted, [], None
        if len(wanted) == 1:
            return [await self._client.search(*wanted[0])]
        try:
            return await self._client.searches(wanted)
        except NotAccepted:  # one that cannot be parsed, and the server refuses all of them for it
            return await asyncio.gather(*(self._alone(*each) for each in wanted))

    async def _alone(self, index: str, body: Json) -> Answer:
        try:
            return await self._client.search(index, body)
        except SynthmillError as error:
            return error
